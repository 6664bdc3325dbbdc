"""``q31.distributed.calibrate``: ranges recorded by several processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...engine.model import Model, load
from ..progress import advancing
from ..quantization.calibration import Calibration, Recorder, require_number_of_first
from ..quantization.dataset import Dataset, Example
from .batches import Batch, Pace, Sum, gathered
from .clusters import connected, threads

if TYPE_CHECKING:
    from distributed import Client


def calibrate(
    model: Model | str | os.PathLike[str] | bytes,
    data: Any,
    client: Client | str | None = None,
    *,
    workers: int = 2,
    histogram: bool = False,
    first_example: int = 0,
    skip: int = 0,
    limit: int | None = None,
    num_threads: int | None = None,
    batch_size: int | None = None,
    in_flight: int | None = None,
    retries: int = 2,
    timeout: float = 30.0,
    progress: bool = False,
) -> Calibration:
    """Run a float model on representative data, in several processes, and record the ranges of its tensors.

    The calibration is that of :func:`q31.calibrate`, bit for bit, whatever the number of workers, the size of batches,
    and the workers that are lost meanwhile; so is the error where an example or the model is bad.

    Parameters
    ----------
    model, data, histogram, first_example, skip, limit : as for :func:`q31.calibrate`. Data is read here, as fast as it
        is used, and sent to the workers; these get the model once each.
    client : a Client or a cluster of Dask's, or the address of a scheduler; ``"local:N"``: N processes of this
        machine, for this call, ``"local"``: one for each of its processors; None: ``workers`` of them.
    workers : see there.
    num_threads : how many threads work on an example, within each of a worker's threads; None is one.
    batch_size : examples sent together; None: what takes a worker about half a second, at most 4 MB.
    in_flight : batches that are with the cluster at a time; None: two for each of its threads.
    retries : how many times a batch is tried again after its workers died, again and again, or for another error that
        is none of q31's.
    timeout : seconds to wait for the scheduler, and for a worker where there is none.
    progress : draw a progress bar, on a terminal.

    Raises
    ------
    DistributedError
        Where the scheduler cannot be reached or is lost, there are no workers, or a batch fails without an error of
        q31's.
    InputError, QuantizationError, ModelError, UnsupportedOperatorError
        As :func:`q31.calibrate`; of the first example that is bad.
    """
    from .jobs import CalibrationJob, ShippedModel

    loaded = model if isinstance(model, Model) else load(model)
    require_number_of_first(first_example)
    dataset = Dataset.of(data, loaded.graph, skip=skip, limit=limit)
    Recorder(loaded, histogram, num_threads)  # raises what there is to raise before any process starts
    job = CalibrationJob(ShippedModel.of(loaded, num_threads), histogram)
    total = Sum(Calibration.merge)
    bar = advancing(dataset.total, "calibrating") if progress else nullcontext(lambda count: None)
    with bar as advance, connected(client, workers, timeout) as cluster:
        from .stream import Stream, task_name

        pace = Pace(batch_size, dataset.total, threads(cluster))
        stream = Stream(cluster, job, task_name("calibrate", model), in_flight, retries, timeout)
        for batch, result in stream.run(_numbered(gathered(dataset, pace, _bytes, int(first_example)))):
            total.add(result.value)
            pace.took(batch.count, result.seconds)
            advance(batch.count)
    found = total.total()
    assert found is not None, "a data set without examples raises"
    return found


def _numbered(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield batches that tell the workers the number of their first example."""
    for batch in batches:
        yield replace(batch, content=(batch.first, batch.content))


def _bytes(example: Example) -> int:
    return sum(array.nbytes for array in example.arrays)
