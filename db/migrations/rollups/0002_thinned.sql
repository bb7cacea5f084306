-- Days from whose segment calls were removed one by one: these sums hold calls that the log lacks.
CREATE TABLE thinned (day INTEGER PRIMARY KEY) STRICT;
