"""``q31.distributed.evaluate``: models judged by several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.model import Model
from ..evaluation import running
from ..evaluation.counts import Counts
from ..evaluation.data import Dataset, ImageFile
from ..evaluation.report import Evaluation
from ..evaluation.running import Options
from .batches import Batch, Pace, Sum, gathered
from .clusters import connected, threads

if TYPE_CHECKING:
    from distributed import Client


def evaluate(
    models: Any,
    data: Any,
    labels: Any = None,
    client: Client | str | None = None,
    *,
    workers: int = 2,
    num_threads: int | None = None,
    batch_size: int | None = None,
    in_flight: int | None = None,
    retries: int = 2,
    timeout: float = 30.0,
    **options: Any,
) -> Evaluation:
    """Count how often models that classify are right, in several processes.

    The counts are those of :func:`q31.evaluate`, whatever the number of workers, the size of batches, and the workers
    that are lost meanwhile. Times, where they are asked for, are taken here.

    Parameters
    ----------
    models, data, labels : as for :func:`q31.evaluate`. Data is read here and sent to the workers, images as they are
        in their files; the workers get the models once each.
    client : a Client or a cluster of Dask's, or the address of a scheduler; ``"local:N"``: N processes of this
        machine, for this call, ``"local"``: one for each of its processors; None: ``workers`` of them.
    workers : see there.
    num_threads : how many threads work on a call, within each of a worker's threads; None is one.
    batch_size : examples sent together; None: what takes a worker about half a second, at most 4 MB.
    in_flight : batches that are with the cluster at a time; None: two for each of its threads.
    retries : how many times a batch is tried again after its workers died, again and again, or for another error that
        is none of q31's.
    timeout : seconds to wait for the scheduler, and for a worker where there is none.
    options : the other ones of :func:`q31.evaluate`.

    Raises
    ------
    DistributedError
        Where the scheduler cannot be reached or is lost, there are no workers, or a batch fails without an error of
        q31's.
    Error, OSError
        As :func:`q31.evaluate`.
    """
    from .jobs import EvaluationJob, ShippedModel

    def count(loaded: Sequence[Model], dataset: Dataset, how: Options, advance: Callable[[int], None]) -> list[Counts]:
        job = EvaluationJob(tuple(ShippedModel.of(one, num_threads) for one in loaded), how)
        total = Sum(_merged)
        with connected(client, workers, timeout) as cluster:
            from .stream import Stream, task_name

            pace = Pace(batch_size, len(dataset), threads(cluster))
            first = models[0] if isinstance(models, (list, tuple)) else models
            stream = Stream(cluster, job, task_name("evaluate", first), in_flight, retries, timeout)
            for batch, result in stream.run(_parts(dataset, pace)):
                total.add([one.counts() for one in result.value])
                pace.took(batch.count, result.seconds)
                advance(batch.count)
        found = total.total()
        assert found is not None, "a data set without examples raises"
        return found

    return running.evaluate(models, data, labels, num_threads=num_threads, count=count, **options)


def _merged(some: list[Counts], others: list[Counts]) -> list[Counts]:
    return [one.merge(two) for one, two in zip(some, others, strict=True)]


def _parts(dataset: Dataset, pace: Pace) -> Iterator[Batch]:
    """Yield the data in parts; images as what is in their files, for workers may be elsewhere."""
    plain = replace(dataset, class_names=())
    columns = dataset.columns.values()

    def size(index: int) -> int:
        return sum(one[index].nbytes if isinstance(one, np.ndarray) else _size(one[index]) for one in columns)

    for batch in gathered(range(len(dataset)), pace, size):
        yield replace(batch, content=plain.part(batch.first, batch.first + batch.count).fetched())


def _size(image: str | ImageFile) -> int:
    return len(image.content) if isinstance(image, ImageFile) else os.path.getsize(image)
