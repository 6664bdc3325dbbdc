"""From what a user has (nothing, an address, a client) to a client whose cluster answers and has a worker."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ...kernels.jit.processor import available_processors
from ...schema import DistributedError, InputError

if TYPE_CHECKING:
    from distributed import Client

MISSING = "several processes are run by Dask, which is not installed: pip install 'q31[distributed]'"
_LOCAL = "local"


@contextmanager
def connected(client: Any, workers: int, timeout: float) -> Iterator[Client]:
    """Give a client of a cluster with a worker at least; what was not there before is closed at the end.

    Parameters
    ----------
    client : a Client or a cluster of Dask's; the address of a scheduler; ``"local:N"``: N processes of this machine,
        ``"local"``: one for each of its processors; None: ``workers`` of them.
    workers : see there.
    timeout : seconds to wait for a scheduler and for a worker.

    Raises
    ------
    InputError
        Where Dask is not installed or the client is nothing of this.
    DistributedError
        Where no scheduler answers, or the cluster has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(MISSING) from None
    count = _local_workers(client, workers)
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
        raise InputError(f"timeout: expected seconds, more than 0, got {timeout!r}")
    with ExitStack() as stack:
        if count is not None:
            found = stack.enter_context(_local_cluster(count))
        elif isinstance(client, Client):
            if client.asynchronous:
                raise InputError("client: expected a client that is not asynchronous")
            found = client
        else:
            found = stack.enter_context(_client_of(client, timeout))
        _require_worker(found, timeout)
        yield found


def threads(client: Client) -> int:
    """Return how many threads all workers have.

    Raises
    ------
    DistributedError
        Where the scheduler does not answer.
    """
    try:
        return sum(client.nthreads().values())
    except Exception as error:  # whatever the connection ends with
        raise DistributedError(f"{where(client)} does not answer any more ({type(error).__name__})") from None


def where(client: Client) -> str:
    """Return what errors call the scheduler."""
    return f"the Dask scheduler at {client.scheduler.address if client.scheduler else 'an unknown address'}"


def _local_workers(client: Any, workers: int) -> int | None:
    """Return how many processes of this machine are to work; None where others do."""
    count: Any
    if client is None:
        count = workers
    elif client == _LOCAL:
        count = available_processors()
    elif isinstance(client, str) and client.startswith(f"{_LOCAL}:"):
        text = client.removeprefix(f"{_LOCAL}:")
        count = int(text) if text.isascii() and text.isdecimal() else text
    else:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"workers: expected a positive integer, got {count!r}")
    return count


@contextmanager
def _local_cluster(workers: int) -> Iterator[Client]:
    """Start processes of one thread each, and close them."""
    from multiprocessing import process

    import dask
    from distributed import Client, LocalCluster

    guard = "a script that starts worker processes needs the line if __name__ == '__main__': before what it does"
    if getattr(process.current_process(), "_inheriting", False):  # a worker that runs its parent's script
        raise DistributedError(guard)
    # A worker that dies again before this is over would be given up.
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1 day"}), ExitStack() as stack:
        try:
            with _interrupts_held():
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address="127.0.0.1:0",  # without a word where the usual port is taken
                    silence_logs=logging.CRITICAL,
                )
                stack.enter_context(cluster)
        except Exception as error:
            raise DistributedError(f"worker processes do not start ({error}); {guard}") from None
        yield stack.enter_context(Client(cluster, set_as_default=False))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait until the block is over; processes started in it never get it, and so say nothing of it."""
    from multiprocessing import resource_tracker

    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # starting it lets signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _client_of(client: Any, timeout: float) -> Iterator[Client]:
    """Connect to a scheduler, given by its address or as a cluster."""
    from distributed import Client

    if not isinstance(client, str) and not hasattr(client, "scheduler_address"):
        raise InputError(
            "client: expected a Client or a cluster of Dask's, the address of a scheduler, 'local' or 'local:N', "
            f"got {type(client).__name__}"
        )
    name = client if isinstance(client, str) else client.scheduler_address
    if isinstance(client, str):
        _require_scheduler(client, timeout)
    try:
        found = Client(client, timeout=timeout, set_as_default=False)
    except Exception as error:
        raise DistributedError(f"no Dask scheduler answers at {name}: {type(error).__name__}: {error}") from None
    with found:
        yield found


def _require_scheduler(address: str, timeout: float) -> None:
    """See that a scheduler answers: a client waits for ever where something else does, such as a dashboard.

    Raises
    ------
    InputError
        Where this is no address.
    DistributedError
        Where nothing answers in time, or not as a scheduler does.
    """
    from distributed.comm import connect, resolve_address
    from distributed.security import Security

    try:
        resolve_address(address)
    except (ValueError, OSError) as error:
        raise InputError(f"client: {address!r} is no address of a Dask scheduler: {error}") from None
    answered = threading.Event()

    async def knock() -> None:
        with suppress(OSError, TimeoutError):
            comm = await connect(address, timeout=timeout, **Security().get_connection_args("client"))
            comm.abort()
            answered.set()

    # In a thread, for there may be a loop in this one already; and one that is not waited for, where it hangs.
    thread = threading.Thread(target=lambda: asyncio.run(knock()), daemon=True)
    thread.start()
    thread.join(timeout + 1)
    if not answered.is_set():
        raise DistributedError(f"no Dask scheduler answers at {address} (waited {timeout:g} s)")


def _require_worker(client: Client, timeout: float) -> None:
    end = time.monotonic() + timeout
    while not threads(client):
        if time.monotonic() > end:
            raise DistributedError(f"{where(client)} has no workers (waited {timeout:g} s)")
        time.sleep(0.1)
