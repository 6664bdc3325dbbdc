// From an accumulator to an output code, as combinational logic: int32 accumulators, Q0.31 multipliers.
// ROUNDING 0: doubling high multiply, then a rounding right shift; 1: one rounding. A positive shift is to the left.
module requantize #(parameter ROUNDING = 0) (
    input  signed [31:0] accumulator,
    input  signed [31:0] multiplier,
    input  signed [31:0] shift,
    input  signed [31:0] zero_point,
    input  signed [31:0] low,
    input  signed [31:0] high,
    output signed [31:0] code
);
    wire [31:0] left = shift > 0 ? shift : 0, right = shift < 0 ? -shift : 0;
    wire signed [31:0] shifted = accumulator << left;
    wire signed [63:0] doubled = (shifted * $signed({{32{multiplier[31]}}, multiplier}) + 64'sd1073741824) >>> 31;
    wire signed [63:0] mask = (64'sd1 <<< right) - 1;
    wire [63:0] threshold = (mask >> 1) + doubled[63];
    wire signed [63:0] twice_rounded = (doubled >>> right) + ((doubled & mask) > threshold ? 64'sd1 : 64'sd0);

    wire signed [31:0] total = 31 - shift;
    wire signed [63:0] product = $signed({{32{accumulator[31]}}, accumulator}) * $signed({{32{multiplier[31]}}, multiplier});
    wire signed [63:0] once_rounded = (product + (64'sd1 <<< (total - 1))) >>> total;

    wire signed [31:0] rescaled = ROUNDING == 1 ? once_rounded[31:0] : twice_rounded[31:0];
    wire signed [31:0] moved = rescaled + zero_point;
    assign code = moved < low ? low : moved > high ? high : moved;
endmodule

// Adds a product of two codes, each with its offset, at every clock.
module dot_product (
    input clock,
    input clear,
    input signed [8:0] x,
    input signed [8:0] weight,
    output reg signed [31:0] sum
);
    always @(posedge clock) sum <= (clear ? 32'sd0 : sum) + x * weight;
endmodule
