"""Operators that come from StableHLO: raw values, whatever scale a tensor has."""
