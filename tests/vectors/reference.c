/* One case of golden vectors against plain C: convolution, depthwise convolution or fully connected.
 *
 * gcc -DCASE=op001_conv_2d -DMACROS=OP001_CONV_2D -DCONVOLUTION -I vectors/op001_conv_2d reference.c -lm
 * (-DDEPTHWISE, -DFULLY_CONNECTED). Exits with 0 where every accumulator and every output is equal. */
#include <stdio.h>
#include "test_data.h"
#define PASTE(a, b) a##_##b
#define JOIN(a, b) PASTE(a, b)
#define A(name) JOIN(CASE, name)
#define M(name) JOIN(MACROS, name)
#ifdef FULLY_CONNECTED
enum { N = M(INPUT_BATCHES), IH = 1, IW = 1, OH = 1, OW = 1, FY = 1, FX = 1, SY = 1, SX = 1, PY = 0, PX = 0, DY = 1, DX = 1 };
#else
enum { N = M(INPUT_BATCHES), IH = M(INPUT_H), IW = M(INPUT_W), OH = M(OUTPUT_H), OW = M(OUTPUT_W), FY = M(FILTER_Y),
       FX = M(FILTER_X), SY = M(STRIDE_Y), SX = M(STRIDE_X), PY = M(PAD_Y), PX = M(PAD_X), DY = M(DILATION_Y), DX = M(DILATION_X) };
#endif
enum { IC = M(IN_CH), OC = M(OUT_CH) };
#ifdef DEPTHWISE
enum { DEPTH = 1, FIRST_STEP = M(CH_MULT) }; /* output channel o sees the input channel o / CH_MULT */
#define WEIGHT(o, y, x, k) (((y) * FX + (x)) * OC + (o))
#define FIRST(o) ((o) / FIRST_STEP)
#elif defined(FULLY_CONNECTED)
enum { DEPTH = IC };
#define WEIGHT(o, y, x, k) ((o) * DEPTH + (k))
#define FIRST(o) 0
#else
enum { DEPTH = IC / M(GROUPS) };
#define WEIGHT(o, y, x, k) ((((o) * FY + (y)) * FX + (x)) * DEPTH + (k))
#define FIRST(o) ((o) / (OC / M(GROUPS)) * DEPTH)
#endif

static int32_t rescale(int64_t acc, int c) {
    int64_t m = A(output_mult)[c], shift = A(output_shift)[c];
    if (M(ROUNDING) == 2) return (int32_t)round((double)acc * A(output_real_mult)[c]);
    if (M(ACCUMULATOR_BITS) == 64) {
        m = m < 0x7FFF0000 ? (m + (1 << 15)) >> 16 : 0x7FFF;
        return (int32_t)((acc * m + ((int64_t)1 << (14 - shift))) >> (15 - shift));
    }
    if (M(ROUNDING) == 1) return (int32_t)((acc * m + ((int64_t)1 << (30 - shift))) >> (31 - shift));
    int32_t x = shift > 0 ? (int32_t)((uint32_t)acc << shift) : (int32_t)acc, right = shift < 0 ? (int32_t)-shift : 0;
    int64_t high = ((int64_t)x * m + (1 << 30)) >> 31; /* m is below 2^31: nothing saturates */
    int64_t mask = ((int64_t)1 << right) - 1, rest = high & mask;
    return (int32_t)((high >> right) + (rest > (mask >> 1) + (high < 0)));
}

int main(void) {
    long differ = 0, i = 0;
    for (int n = 0; n < N; n++) for (int oy = 0; oy < OH; oy++) for (int ox = 0; ox < OW; ox++) for (int o = 0; o < OC; o++, i++) {
        int64_t acc = 0;
        for (int fy = 0; fy < FY; fy++) for (int fx = 0; fx < FX; fx++) {
            int y = oy * SY - PY + fy * DY, x = ox * SX - PX + fx * DX;
            if (y < 0 || y >= IH || x < 0 || x >= IW) continue;
            for (int k = 0; k < DEPTH; k++)
                acc += (int64_t)(A(input)[((n * IH + y) * IW + x) * IC + FIRST(o) + k] + M(INPUT_OFFSET))
                       * (A(weights)[WEIGHT(o, fy, fx, k)] + M(FILTER_OFFSET));
        }
        differ += acc != A(accumulator_without_bias)[i];
#if __has_include("biases_data.h")
        acc += A(biases)[o];
#endif
        differ += acc != A(accumulator)[i];
        int32_t code = rescale(acc, o) + M(OUTPUT_OFFSET);
        code = code < M(OUT_ACTIVATION_MIN) ? M(OUT_ACTIVATION_MIN) : code > M(OUT_ACTIVATION_MAX) ? M(OUT_ACTIVATION_MAX) : code;
        differ += code != A(output_ref)[i];
    }
    printf("%ld values, %ld differ\n", i, differ + (i != M(DST_SIZE)));
    return differ || i != M(DST_SIZE);
}
