"""Make the image networks that ``make bench`` times: Keras's architectures with random weights.

Run it where TensorFlow is installed, in a virtual environment of its own: it is no dependency of q31, and needs
about 1.6 GB::

    python3 -m venv tensorflow && tensorflow/bin/pip install "tensorflow-cpu==2.20.*" && tensorflow/bin/pip install .
    tensorflow/bin/python -m q31.tools.keras_models --out keras

The weights are random, so the networks know nothing; but each batch normalization gets the statistics of what it meets
when noise is fed in, and the last layer a scale that makes classes differ: activations have a trained network's ranges.
(Probabilities that are all alike would make the reference abort its process, in SOFTMAX of int8.) TensorFlow's
converter makes them int8 inside and out, calibrated with noise. ``--form float32`` makes what a quantizer starts from,
the same weights left in float32 (``NAME_float32.tflite``); ``dynamic`` and ``float16`` quantize weights alone. Files
of up to 100 MB are not committed; seeds are fixed, but another version of TensorFlow may give other bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .files import write_atomically
from .noise import noise

if TYPE_CHECKING:
    import tensorflow as tf

SEED = 31
STATISTICS_IMAGES = 16
CALIBRATION_IMAGES = 20
LOGITS_SPREAD = 3.0
_INSTALL = 'TensorFlow is not installed here: pip install "tensorflow-cpu==2.20.*", in an environment of its own'


@dataclass(frozen=True)
class Network:
    """An architecture: its name in ``keras.applications``, and the images it takes."""

    keras: str
    size: int
    low: float
    high: float


NETWORKS = {
    "mobilenet_v1": Network("MobileNet", 224, -1, 1),
    "mobilenet_v2": Network("MobileNetV2", 224, -1, 1),
    "mobilenet_v3_small": Network("MobileNetV3Small", 224, 0, 255),
    "efficientnet_b0": Network("EfficientNetB0", 224, 0, 255),
    "resnet50_v2": Network("ResNet50V2", 224, -1, 1),
    "inception_v3": Network("InceptionV3", 299, -1, 1),
}
"""Name of the file (``NAME_int8.tflite``) -> what it is made from."""
FORMS = ("int8", "float32", "dynamic", "float16")


def images(network: Network, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return float32 images ``(count, size, size, 3)`` of noise in the network's range."""
    return noise((count, network.size, network.size, 3), network.low, network.high, generator)


def build(network: Network) -> tf.keras.Model:
    """Return the network with random weights, and the statistics of noise in its normalizations."""
    import tensorflow as tf

    tf.keras.utils.set_random_seed(SEED)
    generator = np.random.default_rng(SEED)
    model = getattr(tf.keras.applications, network.keras)(weights=None, input_shape=(network.size, network.size, 3))
    normalizations = [one for one in model.layers if isinstance(one, tf.keras.layers.BatchNormalization)]
    for layer in normalizations:
        layer.momentum = 0.0  # the moving statistics become those of the last batch
        if layer.gamma is not None:
            layer.gamma.assign(generator.uniform(0.5, 1.5, layer.gamma.shape))
        layer.beta.assign(generator.normal(0, 0.3, layer.beta.shape))
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Dropout):
            layer.rate = 0.0
    seen = images(network, STATISTICS_IMAGES, generator)
    model(seen, training=True)
    last = [one for one in model.layers if hasattr(one, "kernel")][-1]
    features = np.asarray(tf.keras.Model(model.input, last.input)(seen))
    kernel = np.asarray(last.kernel)
    logits = features.reshape(-1, kernel.shape[-2]) @ kernel.reshape(kernel.shape[-2:])
    last.kernel.assign(kernel * (LOGITS_SPREAD / logits.std()))
    return model


def convert(model: tf.keras.Model, network: Network, form: str = "int8") -> bytes:
    """Return the network as a .tflite file: one of :data:`FORMS`; int8 is so inside and out."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if form != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if form == "int8":
        shown = images(network, CALIBRATION_IMAGES, np.random.default_rng(SEED + 1))

        def representative() -> Iterator[list[np.ndarray]]:
            for image in shown:
                yield [image[None]]

        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def _require_tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow
    except ImportError:
        sys.exit(_INSTALL)
    return tensorflow


def main() -> int:
    """Make the models, or some."""
    parser = argparse.ArgumentParser(prog="python -m q31.tools.keras_models", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the folder to write to")
    parser.add_argument("--only", action="append", choices=NETWORKS, metavar="NAME", help=f"of {', '.join(NETWORKS)}")
    parser.add_argument(
        "--form", action="append", choices=FORMS, help="the form of the files, or several (default: int8)"
    )
    arguments = parser.parse_args()
    _require_tensorflow()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.only or NETWORKS:
        network = NETWORKS[name]
        model = build(network)
        for form in arguments.form or ["int8"]:
            content = convert(model, network, form)
            path = arguments.out / f"{name}_{form}.tflite"
            with write_atomically(path) as file:
                file.write(content)
            print(f"{path}: {len(content)} bytes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
