# %% [markdown]
# # Read the store
#
# Everything that holdpoint observed, expected and decided, as data frames; the store is opened read-only, beside a
# running daemon if there is one. Run it as a script, or cell by cell in a notebook:
#
#     pip install 'holdpoint[frames]'
#     python examples/read_the_store.py lab/holdpoint.db

# %%
from __future__ import annotations

import sys
from pathlib import Path

from checkpoints_db import Store

path = Path(sys.argv[1] if len(sys.argv) > 1 else "holdpoint.db")
store = Store.open(path, read_only=True)

# %% [markdown]
# ## What was measured

# %%
results = store.frame("results")
print(f"{len(results)} results of {results['run'].nunique()} runs")
print(results.groupby(["family", "metric"])["value"].agg(["count", "min", "max"]))

# %% [markdown]
# ## What was expected, and what came
#
# `pit` is the probability that the sealed forecast gave to a smaller value: between 0.1 and 0.9 means inside its 80 %
# interval. Results of one run rise and fall together: read `holdpoint forecast track` before concluding anything.

# %%
verdicts = store.frame("verdicts")
judged = verdicts.dropna(subset=["pit"])
inside = judged["pit"].between(0.1, 0.9)
print(f"{len(verdicts)} verdicts: {dict(verdicts['outcome'].value_counts())}")
if len(judged):
    print(f"{inside.sum()} of {len(judged)} inside their 80 % interval")

# %% [markdown]
# ## What was decided, newest last

# %%
decisions = store.frame("decisions").sort_values("seq")
for row in decisions.itertuples():
    print(f"{row.at:%Y-%m-%d} {row.family}/{row.run}: {row.answer} ({row.sentence})")

# %% [markdown]
# ## Without a library
#
# The same rows as dictionaries, page by page, however many there are.

# %%
firing = [row["sentence"] for row in store.rows("alerts") if row["state"] == "firing"]
print(f"{len(firing)} alerts are firing")
store.close()
