"""Quirks of the recurrent operators."""

from __future__ import annotations

from ...schema import ActivationFunctionType
from ..operator import Node, Prepared, TensorSpec
from ..quirk import Quirk, Treatment
from ..recurrent import lstm_litert, lstm_narrow
from ..recurrent.bidirectional_lstm import BidirectionalLSTM
from ..recurrent.bidirectional_rnn import BidirectionalRNN
from ..recurrent.lstm import SequenceLSTM
from ..recurrent.lstm_basic import QuantizedCell
from ..recurrent.lstm_float import FloatLayer
from ..recurrent.lstm_gate_terms import BLOCK, Peephole
from ..recurrent.lstm_layers import FloatLSTM
from ..recurrent.rnn import RNN
from ..recurrent.svdf import SVDF
from ..recurrent.svdf_float import FloatSVDF

_LSTM = ("BIDIRECTIONAL_SEQUENCE_LSTM", "LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")

RECURRENT = ("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_RNN", "SVDF", *_LSTM)
"""Operators whose hybrid form multiplies as that of FULLY_CONNECTED does."""

RECURRENT_CODE = (
    "recurrent.rnn:_prepare",
    "recurrent.bidirectional_rnn:prepare",
    "recurrent.svdf_float:prepare_float",
    "recurrent.lstm_float:prepare_layer",
)

_INTEGER_LSTM = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")
_TIME_WEIGHTS_OF_SVDF = 2


def _layer_of(prepared: Prepared) -> FloatLayer | None:
    """Return the layer of a float LSTM, or the first of two."""
    if isinstance(prepared, BidirectionalLSTM):
        return prepared.layers[0]
    return prepared.layer if isinstance(prepared, FloatLSTM) else None


def is_hybrid(prepared: Prepared, asymmetric: bool = False) -> bool:
    """Whether this is a hybrid recurrent layer with the reference's defects; where asked for, with zero points."""
    layer = _layer_of(prepared) or prepared
    if not isinstance(layer, (RNN, BidirectionalRNN, FloatSVDF, FloatLayer)) or layer.hybrid is None:
        return False
    return layer.hybrid.quirks and (layer.hybrid.asymmetric or not asymmetric)


def hybrid_matrices(node: Node) -> tuple[TensorSpec, ...]:
    """Return the weights that a hybrid recurrent layer multiplies by as codes."""
    present = [spec for spec in node.inputs if spec is not None]
    if node.name == "SVDF":
        del present[_TIME_WEIGHTS_OF_SVDF]
    return tuple(spec for spec in present if spec.dtype.kind in "iu" and len(spec.shape) > 1)


def _litert_layer(prepared: Prepared) -> lstm_litert.Parameters | None:
    """Return the parameters of an int8 LSTM in LiteRT's arithmetic."""
    parameters = prepared.parameters if isinstance(prepared, SequenceLSTM) else None
    return parameters if isinstance(parameters, lstm_litert.Parameters) else None


def _peephole(prepared: Prepared) -> Peephole | None:
    """Return the output gate's peephole, where it has the reference's defects."""
    layer = _litert_layer(prepared)
    peephole = None if layer is None else layer.peepholes[3]
    return peephole if peephole is not None and peephole.quirks else None


def has_fewer_peepholes(node: Node, prepared: Prepared) -> bool:
    """With peepholes and fewer outputs than units."""
    peephole = _peephole(prepared)
    return peephole is not None and peephole.outputs < node.input(11).shape[0]


def has_block_of_peepholes(node: Node, prepared: Prepared) -> bool:
    """With peepholes of 16 units or more."""
    peephole = _peephole(prepared)
    return peephole is not None and peephole.outputs >= BLOCK


def projects_with_zero_point(node: Node, prepared: Prepared) -> bool:
    """With a projection of codes whose zero point is not 0, and of the wrong sign."""
    layer, hidden = _litert_layer(prepared), node.intermediates[4] if len(node.intermediates) > 4 else None
    if layer is None or hidden is None or node.optional_input(16) is None:
        return False
    return layer.hidden_zero_point != hidden.zero_point


def is_narrow(node: Node, prepared: Prepared) -> bool:
    """With 12 intermediates, and the reference's defect."""
    parameters = prepared.parameters if isinstance(prepared, SequenceLSTM) else None
    return isinstance(parameters, lstm_narrow.Parameters) and parameters.quirks


def is_basic_of_codes(node: Node, prepared: Prepared) -> bool:
    """Of the kernel type BASIC, uint8, with the reference's rounding."""
    return isinstance(prepared, QuantizedCell) and prepared.rounds_half_up


def is_float_without_activation(node: Node, prepared: Prepared) -> bool:
    """LSTM of float32 that is told no activation."""
    layer = _layer_of(prepared)
    return layer is not None and layer.activation is ActivationFunctionType.NONE


def merges_lstm_batch(node: Node, prepared: Prepared) -> bool:
    """Of a batch, with merged outputs, where time is not first."""
    if not isinstance(prepared, BidirectionalLSTM) or prepared.time_major:
        return False
    return prepared.merge_outputs and node.input(0).shape[0] > 1


def is_integer_svdf(node: Node, prepared: Prepared) -> bool:
    """SVDF of int8."""
    return isinstance(prepared, SVDF)


def runs_again(node: Node, prepared: Prepared) -> bool:
    """Hybrid, of several steps, with time first."""
    return isinstance(prepared, BidirectionalRNN) and prepared.passes > 1


def ignores_auxiliary_input(node: Node, prepared: Prepared) -> bool:
    """With an auxiliary input without weights, where time is not first."""
    if not isinstance(prepared, BidirectionalRNN) or node.optional_input(9) is None:
        return False
    return prepared.backward_reads_input and not prepared.crossed


def strides_by_input(node: Node, prepared: Prepared) -> bool:
    """With an auxiliary input that has weights and is wider than the input."""
    if not isinstance(prepared, BidirectionalRNN) or not prepared.crossed:
        return False
    return prepared.auxiliary_stride != node.input(9).shape[2]


def merges_a_batch(node: Node, prepared: Prepared) -> bool:
    """Hybrid and symmetric, of a batch, with merged outputs and time first."""
    if not isinstance(prepared, BidirectionalRNN) or prepared.hybrid is None or prepared.hybrid.asymmetric:
        return False
    return prepared.time_major and prepared.merge_outputs and node.input(0).shape[1] > 1


_BIDIRECTIONAL = ("BIDIRECTIONAL_SEQUENCE_RNN",)

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        "bidirectional-lstm-merged-batch",
        ("BIDIRECTIONAL_SEQUENCE_LSTM",),
        "of a batch, with merged outputs and time not first: looks for the later hidden states beyond their tensor",
        "each sequence has its own state",
        "kernels/lstm_eval.cc, EvalFloat and EvalHybrid",
        Treatment.RIGHT,
        ("recurrent.bidirectional_lstm:evaluate",),
        merges_lstm_batch,
    ),
    Quirk(
        "bidirectional-rnn-auxiliary-stride",
        _BIDIRECTIONAL,
        "the steps of an auxiliary input that is wider than the input are looked for at multiples of the input's "
        "depth, in hybrid layers and where time is first",
        "at multiples of its own depth",
        "kernels/bidirectional_sequence_rnn.cc, EvalFloat and EvalHybrid",
        Treatment.REPRODUCED,
        ("recurrent.bidirectional_rnn:prepare", "recurrent.bidirectional_rnn:_strided"),
        strides_by_input,
    ),
    Quirk(
        "bidirectional-rnn-ignores-auxiliary",
        _BIDIRECTIONAL,
        "where time is not first, the backward cell reads the input although an auxiliary input without weights is "
        "there for it",
        "the backward cell reads the auxiliary input, as with time first",
        "kernels/bidirectional_sequence_rnn.cc, EvalFloat and EvalHybrid",
        Treatment.REPRODUCED,
        ("recurrent.bidirectional_rnn:prepare",),
        ignores_auxiliary_input,
    ),
    Quirk(
        "bidirectional-rnn-merged-batch",
        _BIDIRECTIONAL,
        "hybrid and symmetric, with time first: reads through an invalid pointer to zero points where the outputs of a "
        "batch of two or more are merged",
        "there are no zero points",
        "kernels/internal/kernel_utils.cc, RnnBatchStep",
        Treatment.RIGHT,
        ("recurrent.bidirectional_rnn:evaluate",),
        merges_a_batch,
    ),
    Quirk(
        "bidirectional-rnn-runs-again",
        _BIDIRECTIONAL,
        "hybrid, with time first: runs over the sequence as often as it has steps, carrying the states on",
        "runs over the sequence once",
        "kernels/bidirectional_sequence_rnn.cc, EvalHybrid",
        Treatment.REPRODUCED,
        ("recurrent.bidirectional_rnn:prepare",),
        runs_again,
    ),
    Quirk(
        "lstm-basic-rounds-half-up",
        ("LSTM",),
        "of the kernel type BASIC, uint8: a gate's sum is rounded twice, the second time with halves up",
        "halves away from 0, as the reference's own plain form of the cell has it",
        "kernels/internal/optimized/optimized_ops.h, LstmCell",
        Treatment.REPRODUCED,
        ("recurrent.lstm_basic:prepare",),
        is_basic_of_codes,
    ),
    Quirk(
        "lstm-narrow-output-gate",
        ("LSTM",),
        "int8 with 12 intermediates: takes another product's zero point for the output gate's product of the hidden "
        "state, and for its multiplier a shift, which leaves next to nothing of it",
        "its own zero point and multiplier",
        "kernels/lstm_eval.cc, LstmStepInteger8x8_8",
        Treatment.REPRODUCED,
        ("recurrent.lstm_narrow:prepare", "recurrent.lstm_narrow:_mistaken"),
        is_narrow,
    ),
    Quirk(
        "lstm-peephole-of-outputs",
        _INTEGER_LSTM,
        "int8, with peepholes and fewer outputs than units: the first batch * outputs cells have peepholes, with the "
        "weights of the first units over and over",
        "each cell has its own",
        "kernels/lstm_eval.cc, CalculateLstmGateInteger8x8_16",
        Treatment.REPRODUCED,
        ("recurrent.lstm_litert:prepare",),
        has_fewer_peepholes,
    ),
    Quirk(
        "lstm-peephole-rounds-half-up",
        _INTEGER_LSTM,
        "int8: in whole blocks of 16 units, a peephole's product is rounded twice, the second time with halves up",
        "halves away from 0, as in the other units",
        "kernels/internal/optimized/neon_tensor_utils.cc, NeonVectorBatchVectorCwiseProductAccumulate",
        Treatment.REPRODUCED,
        ("recurrent.lstm_litert:prepare",),
        has_block_of_peepholes,
    ),
    Quirk(
        "lstm-projection-zero-point",
        _INTEGER_LSTM,
        "int8 with a projection: the zero point of what is projected has the wrong sign, there and in the bias alike, "
        "so that it saturates elsewhere",
        "the zero point has the same sign as in any other tensor",
        "kernels/lstm_eval.cc, CalculateLstmOutputInteger8x8_16",
        Treatment.REPRODUCED,
        ("recurrent.lstm_litert:prepare",),
        projects_with_zero_point,
    ),
    Quirk(
        "lstm-without-activation",
        _LSTM,
        "float32 and hybrid, with the fused activation NONE: multiplies by what an earlier step left in memory",
        "the cell state is taken as it is",
        "kernels/internal/tensor_utils.h, ApplyActivationToVector",
        Treatment.RIGHT,
        ("recurrent.lstm_layers:prepare_float", "recurrent.bidirectional_lstm:prepare"),
        is_float_without_activation,
    ),
    Quirk(
        "svdf-ignores-relu",
        ("SVDF",),
        "int8: takes no fused activation but RELU, and does not apply it",
        "negative sums become 0",
        "kernels/internal/reference/svdf.h, EvalIntegerSVDF",
        Treatment.EVERYWHERE,
        ("recurrent.svdf:_prepare_integer",),
        is_integer_svdf,
    ),
)
