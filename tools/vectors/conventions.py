"""What the manifest says of signs, rounding and layout, so that nobody has to guess."""

CONVENTIONS = {
    "shift": (
        "output_shift is an exponent, with the sign that CMSIS-NN and TensorFlow Lite give it: positive shifts to the "
        "left, negative to the right. Real multiplier = output_mult * 2**(output_shift - 31); output_mult is Q0.31. "
        "For hardware that counts right shifts as positive the count is -output_shift."
    ),
    "offset": (
        "Macros named OFFSET are what is added, as in CMSIS-NN: an operand's is the negative of its zero point, the "
        "output's is its zero point. zero_point in this file is the model's."
    ),
    "rounding": (
        "DOUBLE: saturating rounding doubling high multiply, then a rounding right shift, halves away from zero; a "
        "left shift comes first. SINGLE: (acc * output_mult + 2**(30 - output_shift)) >> (31 - output_shift). "
        "FLOAT64: round(acc * output_real_mult) in float64, halves away from zero. Accumulators of int64, but for "
        "FLOAT64: (acc * m + 2**(14 - output_shift)) >> (15 - output_shift) with "
        "m = min((output_mult + 2**15) >> 16, 32767)."
    ),
    "accumulator": (
        "accumulator_without_bias: the sum of (input - zero point) * (weight - zero point). accumulator: with the "
        "bias, as it is requantized. Output: the rescaled accumulator plus the output's zero point, clamped."
    ),
    "layout": (
        "A letter a dimension, the last one fastest: N batch, H height, W width, C channels, O output channels, I "
        "input channels. Activations of rank 4 are taken for NHWC."
    ),
    "endianness": (
        "Words are written as hexadecimal numbers, the most significant digit first. little: lane 0 is in the least "
        "significant bits; of an element of several words the least significant comes first. big: the other way "
        "round. Elements narrower than their lane are sign-extended; unused lanes of the last word are 0."
    ),
    "narrow": "int4 and int2 are stored one element a byte, sign-extended.",
}
