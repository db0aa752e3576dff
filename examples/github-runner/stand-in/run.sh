#!/bin/bash
# Stand-in for run.sh of the real runner, which keeps Runner.Listener alive; this one only starts it.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
exec python3 bin/Runner.Listener run
