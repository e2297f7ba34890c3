"""A file for each kind of figure.  In it:

    ROWS                    the rows of the table that come from it
    RUNS = full, quick      how often it is done
    measure(bench, server)  one run with one server ("sluice", "postfix", or "machine" where it has none of
                            them): {key: value}
    SERVERS                 which of them; both where it is missing"""
