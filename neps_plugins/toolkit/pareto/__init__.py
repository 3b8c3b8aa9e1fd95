"""Several objectives and constraints: fronts, hypervolume, scalarisations. Begin with `sorting`.

Every objective is minimised. A row of values belongs to one point. A row with NaN is of a point of which too little is
known: it dominates nothing and is on no front. Infinite values are as bad, or good, as can be.
"""
