"""The digit classifier of TensorFlow's post-training quantization tutorial: models, images, how they are made."""
