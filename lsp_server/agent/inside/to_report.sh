# Runs a command whose output is its report.
exec "$@" >"$SPARROW_REPORT/report"
