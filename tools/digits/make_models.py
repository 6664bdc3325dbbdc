"""Train the digit classifier and convert it to seven forms; needs TensorFlow, as ``q31.tools.keras_models`` does.

The network and the conversions are those of TensorFlow's tutorial "Post-training integer quantization" and its
sisters (dynamic range, float16, 16x8). Run it where ``tensorflow-cpu`` is installed beside q31::

    python -m q31.tools.digits.make_models --images t10k-images-idx3-ubyte.gz --labels t10k-labels-idx1-ubyte.gz

The MNIST test file's 10,000 images are split by :func:`q31.tools.digits.mnist.split`: 8,000 to train, 2,000
held back. Seeds are fixed: TensorFlow 2.21 gave the same bytes twice on one machine; another version or CPU may give
others. Follow it with ``record_reference``, which notes what the reference interpreter makes of the new files.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .bundle import MODELS, model_path
from .mnist import read_images, split

SEED = 31
EPOCHS = 12
REPRESENTATIVE_IMAGES = 200


def build() -> Any:
    """Build the tutorial's network; images are float32 ``(N, 28, 28)`` from 0 to 1, outputs are logits."""
    return tf.keras.Sequential(
        [
            tf.keras.layers.InputLayer(shape=(28, 28)),
            tf.keras.layers.Reshape((28, 28, 1)),
            tf.keras.layers.Conv2D(filters=12, kernel_size=(3, 3), activation="relu"),
            tf.keras.layers.MaxPooling2D(pool_size=(2, 2)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(10),
        ]
    )


def shifted(images: np.ndarray) -> np.ndarray:
    """Return each image nine times: as it is, and moved by a pixel in each of eight directions."""
    moves = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return np.concatenate([np.roll(images, move, axis=(1, 2)) for move in moves])


def train(images: np.ndarray, labels: np.ndarray) -> Any:
    """Train on float32 images ``(N, 28, 28)``; moved copies make up for some of the tutorial's 60,000 images."""
    tf.keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    model = build()
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(shifted(images), np.tile(labels, 9), epochs=EPOCHS, batch_size=64, verbose=2)
    return model


def save(model: Any, folder: str) -> None:
    """Save the network as a SavedModel whose batch is free and whose weights are constants.

    The two reshapes are written with -1 for the batch: Keras's own layers read the batch from the input's
    shape, which costs three more operators in every converted model.
    """
    _, convolution, _, _, dense = model.layers
    filters, filter_bias = (tf.constant(value) for value in convolution.get_weights())
    weights, bias = (tf.constant(value) for value in dense.get_weights())

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28], tf.float32, name="image")])
    def logits(image: Any) -> dict[str, Any]:
        features = tf.nn.conv2d(tf.reshape(image, [-1, 28, 28, 1]), filters, strides=1, padding="VALID")
        features = tf.nn.max_pool2d(tf.nn.relu(features + filter_bias), ksize=2, strides=2, padding="VALID")
        return {"logits": tf.reshape(features, [-1, 13 * 13 * 12]) @ weights + bias}

    tf.saved_model.save(tf.Module(), folder, signatures=logits)


def convert(folder: str, images: np.ndarray) -> dict[str, bytes]:
    """Convert a SavedModel to each form; ``images`` calibrate the quantized ones."""

    def representative() -> Iterator[list[np.ndarray]]:
        for image in images[:REPRESENTATIVE_IMAGES]:
            yield [image[None]]

    def converter(quantized: bool = True, calibrated: bool = False) -> Any:
        one = tf.lite.TFLiteConverter.from_saved_model(folder)
        if quantized:
            one.optimizations = [tf.lite.Optimize.DEFAULT]
        if calibrated:
            one.representative_dataset = representative
        return one

    float16 = converter()
    float16.target_spec.supported_types = [tf.float16]
    integer = {"uint8": converter(calibrated=True), "int8": converter(calibrated=True)}
    for name, one in integer.items():
        one.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        one.inference_input_type = one.inference_output_type = getattr(tf, name)
    int16x8 = converter(calibrated=True)
    int16x8.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    converters = {
        "float32": converter(quantized=False),
        "dynamic_range": converter(),
        "float16": float16,
        "integer_float_fallback": converter(calibrated=True),
        "integer_uint8": integer["uint8"],
        "integer_int8": integer["int8"],
        "int16x8": int16x8,
    }
    return {form: one.convert() for form, one in converters.items()}


def main() -> None:
    """Train, convert, and write the models into the package."""
    parser = argparse.ArgumentParser(description="Train the digit classifier and convert it to seven forms.")
    parser.add_argument("--images", required=True, help="t10k-images-idx3-ubyte, gzip-compressed or not")
    parser.add_argument("--labels", required=True, help="t10k-labels-idx1-ubyte, gzip-compressed or not")
    parser.add_argument("--output", type=Path, default=MODELS, help="folder for the .tflite files")
    arguments = parser.parse_args()
    training, _ = split(read_images(arguments.images, arguments.labels))
    images = training.images.astype(np.float32) / np.float32(255)
    model = train(images, training.labels)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        save(model, folder)
        for form, content in convert(folder, images).items():
            path = arguments.output / model_path(form).name
            path.write_bytes(content)
            print(f"{path.name}: {len(content)} bytes")


if __name__ == "__main__":
    main()
