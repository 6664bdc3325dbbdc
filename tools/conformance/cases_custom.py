"""Cases of q31's own custom operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Quantization, TensorType
from .case import Case, CustomOptions, result, single_operator, tensor
from .strategies import arrays, float_arrays, log_uniform, per_channel, per_tensor, scales, shapes

FLOAT32, UINT8 = TensorType.FLOAT32, TensorType.UINT8


def first_detections(options: dict[str, Any]) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    """Return what picks the entries that TFLite_Detection_PostProcess writes."""
    step, regular = options["max_classes_per_detection"], options.get("use_regular_nms", False)

    def defined(outputs: list[np.ndarray]) -> list[np.ndarray]:
        boxes, classes, scores, number = outputs
        shapes = [np.array(one.shape) for one in (boxes, classes, scores)]
        if regular:
            written = np.arange(options["max_detections"])
        else:
            slots = np.arange(int(number[0]) * step)
            written = slots[slots % step < options["num_classes"]]
        return [boxes[0, written], classes[0, written], scores[0, written], number, *shapes]

    return defined


@st.composite
def scores_of(draw: DrawFn, tensor_type: TensorType, shape: tuple[int, ...]) -> tuple[np.ndarray, Quantization]:
    """Draw scores; few different ones in half of the cases, so that many are equal."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    ties = draw(st.booleans())
    if tensor_type is UINT8:
        quantization = draw(per_tensor(UINT8, log_uniform(2.0**-9, 2.0**-5)))
        low, high = draw(st.sampled_from([(0, 255), (120, 130), (0, 3), (254, 255)]))
        return random.integers(low, high, shape, endpoint=True).astype(np.uint8), quantization
    values = random.integers(0, 5, shape) / np.float32(4) if ties else random.random(shape)
    if draw(st.booleans()):  # no NaN: where the fast way's partial sort puts it is anybody's guess
        values = np.where(random.random(shape) < 0.1, random.choice([0.0, -0.0, np.inf, -np.inf, 1e-40], shape), values)
    return values.astype(np.float32), Quantization()


@st.composite
def detection(draw: DrawFn, box_type: TensorType, score_type: TensorType, regular: bool) -> Case:
    count = draw(st.integers(1, 24))
    classes = draw(st.integers(1, 20))
    background = draw(st.integers(0, 1))
    width = draw(st.sampled_from([4, 4, 4, 6]))
    anchor_type = box_type
    scores, score_codes = draw(scores_of(score_type, (1, count, classes + background)))
    if box_type is UINT8:
        box_codes = draw(per_tensor(UINT8, log_uniform(2.0**-8, 2.0**-3)))
        boxes = draw(arrays(UINT8, (1, count, width), box_codes.zero_point[0]))
        # Anchors of negative size are refused, so their zero point is mostly 0.
        anchor_codes = draw(per_tensor(UINT8, scales(2.0**-10, 2.0**-4), st.sampled_from([0, 0, 0, 1, 10])))
        anchors = draw(arrays(UINT8, (count, 4), anchor_codes.zero_point[0], low=anchor_codes.zero_point[0]))
        if draw(st.integers(0, 3)) == 0:  # the reference takes the bytes of float32 anchors for codes
            anchor_type, anchors = FLOAT32, np.abs(draw(float_arrays((count, 4))))
    else:
        box_codes = anchor_codes = Quantization()
        random = np.random.default_rng(draw(st.integers(0, 2**32)))
        boxes = draw(float_arrays((1, count, width), draw(st.sampled_from([0.1, 1.0, 5.0, 1000.0])), special=True))
        anchors = random.random((count, 4)).astype(np.float32)
        if draw(st.booleans()):  # on a grid, so that boxes coincide, touch, or have no area
            boxes, anchors = np.round(boxes), (np.round(4 * anchors) / 4).astype(np.float32)
    options: dict[str, Any] = {
        "max_detections": draw(st.integers(1, 30)),
        "max_classes_per_detection": draw(st.integers(1, classes + 2)),
        "num_classes": classes,
        "nms_score_threshold": draw(st.sampled_from([0.0, 0.25, 0.5, 0.9, -1e8, 2.0])),
        "nms_iou_threshold": draw(st.sampled_from([1e-3, 0.3, 0.5, 0.6, 1.0])),
        "y_scale": draw(st.sampled_from([10.0, 1.0, 0.3])),
        "x_scale": draw(st.sampled_from([10.0, 1.0, 0.3])),
        "h_scale": draw(st.sampled_from([5.0, 1.0, 0.3])),
        "w_scale": draw(st.sampled_from([5, 1.0, 0.3])),
    }
    if regular or draw(st.booleans()):
        options["use_regular_nms"] = regular
    if draw(st.booleans()):
        options["detections_per_class"] = draw(st.integers(1, 30))
    case = single_operator(
        "CUSTOM",
        CustomOptions("TFLite_Detection_PostProcess", bytes(flexbuffers.Dumps(options))),
        [
            tensor(box_type, (1, count, width), box_codes),
            tensor(score_type, scores.shape, score_codes),
            tensor(anchor_type, (count, 4), anchor_codes),
        ],
        [result(FLOAT32) for _ in range(4)],
        [boxes, scores, anchors],
        note=f"{options}",
    )
    return replace(case, defined=first_detections(options))


@st.composite
def numeric_verify(draw: DrawFn, tensor_type: TensorType, channels: bool = False) -> Case:
    shape = draw(shapes())
    quantization = Quantization()
    if tensor_type is TensorType.FLOAT16:
        with np.errstate(over="ignore"):
            x = draw(float_arrays(shape, special=True)).astype(np.float16)
    else:
        axis = draw(st.integers(0, len(shape) - 1))
        quantization = draw(per_channel(shape[axis], axis)) if channels else draw(per_tensor(tensor_type))
        x = draw(arrays(tensor_type, shape, quantization.zero_point[0]))
    scale = quantization.scale[0] if quantization.scale else 1.0
    zero_point = quantization.zero_point[0] if quantization.zero_point else 0
    noise = draw(float_arrays(shape, scale * draw(st.sampled_from([0.01, 1.0, 100.0]))))
    with np.errstate(over="ignore", invalid="ignore"):
        reference = ((x.astype(np.float32) - zero_point) * np.float32(scale) + noise).astype(np.float32)
    options = {"tolerance": draw(st.sampled_from([0.0, 0.05, 0.1, 5.0])), "log_if_failed": draw(st.integers(0, 3)) == 0}
    return single_operator(
        "CUSTOM",
        CustomOptions("NumericVerify", bytes(flexbuffers.Dumps(options))),
        [tensor(tensor_type, shape, quantization), tensor(FLOAT32, shape)],
        [result(FLOAT32)],
        [x, reference],
        note=f"{options}",
    )


@st.composite
def audio_spectrogram(draw: DrawFn) -> Case:
    window = draw(st.integers(2, 70) | st.sampled_from([127, 128, 200, 300, 512, 1000, 2048]))
    stride = draw(st.integers(1, window + 3))
    channels = draw(st.sampled_from([1, 1, 1, 2, 3]))
    samples = max(window + stride * draw(st.integers(0, 3)) + draw(st.sampled_from([0, 1, stride - 1, -1])), 1)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = (random.standard_normal((samples, channels)) * 10.0 ** draw(st.integers(-6, 6))).astype(np.float32)
    if draw(st.integers(0, 3)) == 0:
        x = np.where(random.random(x.shape) < 0.02, random.choice([np.inf, 1e38, -0.0, 1e-40], x.shape), x)
    options = {"window_size": window, "stride": stride, "magnitude_squared": draw(st.booleans())}
    return single_operator(
        "CUSTOM",
        CustomOptions("AudioSpectrogram", bytes(flexbuffers.Dumps(options))),
        [tensor(FLOAT32, x.shape)],
        [result(FLOAT32)],
        [x.astype(np.float32)],
        note=f"{options}",
    )


@st.composite
def mfcc(draw: DrawFn) -> Case:
    bins = draw(st.integers(2, 65))
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 4)), bins)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = (random.random(shape) * 10.0 ** random.integers(-14, 8, shape)).astype(np.float32)
    if draw(st.booleans()):
        special = [0.0, -0.0, np.inf, 1e-40, -1.0, np.nan]
        x = np.where(random.random(shape) < 0.05, random.choice(special, shape), x).astype(np.float32)
    rate = draw(st.sampled_from([8000, 16000, 44100, 1]) | st.integers(1, 96000))
    channels = draw(st.integers(1, 40))
    options = {
        "upper_frequency_limit": draw(st.integers(1, max(rate // 2, 1)) | st.sampled_from([4000.0, 3999.9])),
        "lower_frequency_limit": draw(st.sampled_from([0, 20, 20.7, rate // 4]) | st.integers(0, max(rate // 8, 1))),
        "filterbank_channel_count": channels,
        "dct_coefficient_count": draw(st.integers(1, channels) | st.just(channels) | st.integers(0, channels + 1)),
    }
    return single_operator(
        "CUSTOM",
        CustomOptions("Mfcc", bytes(flexbuffers.Dumps(options))),
        [tensor(FLOAT32, shape), tensor(TensorType.INT32, (1,))],
        [result(FLOAT32)],
        [x, np.array([rate], np.int32)],
        note=f"{options}",
    )


CASES: dict[str, SearchStrategy[Case]] = (
    {
        "AudioSpectrogram float32": audio_spectrogram(),
        "Mfcc float32": mfcc(),
    }
    | {
        f"TFLite_Detection_PostProcess {boxes.name.lower()} boxes, {scores.name.lower()} scores, {kind}": detection(
            boxes, scores, kind == "regular"
        )
        for boxes in (FLOAT32, UINT8)
        for scores in (FLOAT32, UINT8)
        for kind in ("fast", "regular")
    }
    | {
        **{
            f"NumericVerify {one.name.lower()}": numeric_verify(one)
            for one in (UINT8, TensorType.INT8, TensorType.INT16, TensorType.FLOAT16)
        },
        **{
            f"NumericVerify {one.name.lower()} per-channel": numeric_verify(one, True)
            for one in (UINT8, TensorType.INT8)
        },
    }
)
