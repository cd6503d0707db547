"""Is a run's content what its kinds promise? A process of its own looks, which may crash, hang or eat memory.

`parent` starts that process and judges its verdict, `report` is the verdict, `catalogue` lists what can be found.
The daemon imports these three; all else here runs in the `child`, the only one with pyarrow.
"""
