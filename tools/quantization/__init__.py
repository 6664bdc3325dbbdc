"""From a float .tflite file to a quantized one: ranges on representative data, scales, codes, and what it costs."""
