// Golden vectors in hex against requantize.v: vvp testbench +DIR=vectors/op001_conv_2d. Parameters come from
// manifest.json by iverilog -P: a convolution (KIND 0), depthwise (KIND 1) or fully connected (KIND 2) of int8 codes.
`timescale 1ns / 1ns
module testbench;
    parameter KIND = 0, N = 1, IH = 1, IW = 1, IC = 1, OH = 1, OW = 1, OC = 1, FY = 1, FX = 1, SY = 1, SX = 1, PY = 0, PX = 0;
    parameter DY = 1, DX = 1, CH_MULT = 1, INPUT_OFFSET = 0, OUTPUT_OFFSET = 0, LOW = -128, HIGH = 127, ROUNDING = 0;
    parameter WORD_BITS = 8, LANES = 1, BIG = 0, HAS_BIAS = 1;
    localparam LANE = WORD_BITS / LANES, DEPTH = KIND == 1 ? 1 : IC;
    localparam INPUTS = N * IH * IW * IC, WEIGHTS = OC * FY * FX * DEPTH, OUTPUTS = N * OH * OW * OC;

    reg [WORD_BITS-1:0] inputs [0:(INPUTS+LANES-1)/LANES-1], weights [0:(WEIGHTS+LANES-1)/LANES-1];
    reg [WORD_BITS-1:0] expected [0:(OUTPUTS+LANES-1)/LANES-1], word;
    reg [31:0] biases [0:OC-1], multipliers [0:OC-1], shifts [0:OC-1], accumulators [0:OUTPUTS-1];
    reg [63:0] real_multipliers [0:OC-1];
    reg [8*1024-1:0] dir;

    reg clock = 0, clear = 0;
    reg signed [8:0] x = 0, weight = 0;
    reg signed [31:0] accumulator = 0, multiplier = 0, shift = 0, code;
    wire signed [31:0] sum, integer_code;
    dot_product dot (clock, clear, x, weight, sum);
    requantize #(.ROUNDING(ROUNDING)) unit (accumulator, multiplier, shift, OUTPUT_OFFSET, LOW, HIGH, integer_code);

    function signed [7:0] lane(input [WORD_BITS-1:0] from, input integer index);
        integer place;
        begin
            place = BIG ? LANES - 1 - index % LANES : index % LANES;
            lane = from >> (place * LANE);
        end
    endfunction

    integer n, oy, ox, o, fy, fx, k, y, c, at, first, i, differ;
    initial begin
        if (!$value$plusargs("DIR=%s", dir)) $finish;
        $readmemh({dir, "/input.hex"}, inputs);
        $readmemh({dir, "/weights.hex"}, weights);
        $readmemh({dir, "/output_ref.hex"}, expected);
        $readmemh({dir, "/accumulator.hex"}, accumulators);
        $readmemh({dir, "/output_mult.hex"}, multipliers);
        $readmemh({dir, "/output_shift.hex"}, shifts);
        if (HAS_BIAS) $readmemh({dir, "/biases.hex"}, biases);
        if (ROUNDING == 2) $readmemh({dir, "/output_real_mult.hex"}, real_multipliers);
        i = 0; differ = 0;
        for (n = 0; n < N; n = n + 1) for (oy = 0; oy < OH; oy = oy + 1) for (ox = 0; ox < OW; ox = ox + 1)
        for (o = 0; o < OC; o = o + 1) begin
            x = 0; weight = 0; clear = 1; #1 clock = 1; #1 clock = 0; clear = 0;
            for (fy = 0; fy < FY; fy = fy + 1) for (fx = 0; fx < FX; fx = fx + 1) begin
                y = oy * SY - PY + fy * DY; c = ox * SX - PX + fx * DX;
                if (y >= 0 && y < IH && c >= 0 && c < IW) for (k = 0; k < DEPTH; k = k + 1) begin
                    at = ((n * IH + y) * IW + c) * IC + (KIND == 1 ? o / CH_MULT : k);
                    x = lane(inputs[at / LANES], at) + INPUT_OFFSET;
                    at = KIND == 1 ? (fy * FX + fx) * OC + o : ((o * FY + fy) * FX + fx) * DEPTH + k;
                    weight = lane(weights[at / LANES], at);
                    #1 clock = 1; #1 clock = 0;
                end
            end
            accumulator = sum + (HAS_BIAS ? biases[o] : 0); multiplier = multipliers[o]; shift = shifts[o];
            #1 code = integer_code;
            if (ROUNDING == 2) begin // an assignment of a real rounds to nearest, halves away from zero
                code = accumulator * $bitstoreal(real_multipliers[o]);
                code = code + OUTPUT_OFFSET;
                code = code < LOW ? LOW : code > HIGH ? HIGH : code;
            end
            if (accumulator !== accumulators[i]) differ = differ + 1;
            if (code[7:0] !== lane(expected[i / LANES], i)) differ = differ + 1;
            i = i + 1;
        end
        $display("%0d values, %0d differ", i, differ);
        $finish;
    end
endmodule
