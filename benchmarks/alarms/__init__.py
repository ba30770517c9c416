"""The parts of `benchmarks/alarm.py`: suites, methods, and one file a question."""
