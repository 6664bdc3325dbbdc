"""The digit classifier of TensorFlow's post-training quantization tutorial: its models, images, and how they are made."""
