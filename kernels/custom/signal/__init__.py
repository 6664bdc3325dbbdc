"""The audio front end of TensorFlow Lite Micro: custom operators named ``Signal...``.

LiteRT does not have them. Under every profile they compute what tflite-micro computes, which recorded answers of its
interpreter hold them to (``tests/kernels/test_signal.py``).
"""
