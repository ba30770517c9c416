"""What is true of curves: arrays in, numbers out. Nothing here knows a record, a file or a clock."""
