//! Training institutions (校外培训机构): the working register and how it is filled.
