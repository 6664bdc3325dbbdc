"""A quantized model beside the float model it was made of: what each layer's error is, and what it adds itself."""
