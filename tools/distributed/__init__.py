"""``q31.distributed``: calibration and evaluation shared by processes, on one machine or many, by Dask."""
