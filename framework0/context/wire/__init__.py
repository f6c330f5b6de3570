"""What is said between a context server and its clients, without any input or output.

In reading order: ``messages`` and ``codes`` (the tables), ``codec`` (strict JSON), ``checking`` (is
this message one of the table?), ``frames`` (changes as text, made once for all who get them),
``effects`` (what a machine wants done), ``server`` and ``client`` (the machines of the two ends).
"""
