"""What the faces show, read from the store: functions that take a store and give frozen records. Nothing is written."""
