"""Which parameters matter, and how: functions of arrays, which know no run. Begin with `fanova` and `ped_anova`."""
