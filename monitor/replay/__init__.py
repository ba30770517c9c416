"""What would a policy have done? History walked again, in order of arrival, with a clock that is told the time.

A recorded history has its own seals, which no policy has a part in; of raw logs they are made as the clock comes by.
Whatever judges and decides is what the daemon runs, on a store that is a view of the past (`checkpoints_db.past`).
"""
