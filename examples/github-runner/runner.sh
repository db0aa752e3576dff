#!/bin/sh
# What a GitHub runner of this fleet does: `runner.sh start`, `runner.sh drain`, `runner.sh busy`.
# It finds in its environment: RUNNER_HOME (where the unpacked runner lies), GITHUB_API, GITHUB_URL, GITHUB_SCOPE (orgs/NAME or
# repos/OWNER/NAME), GITHUB_TOKEN_FILE, RUNNER_LABELS; and WORKER_ID from hodei.workers. Its directory is the worker's own.
set -eu

# Ask GitHub: METHOD PATH; prints the answer and, as its last line, the status. The token goes by a pipe, so that `ps` does not show it.
github() {
  printf 'header = "Authorization: Bearer %s"\n' "$(cat "$GITHUB_TOKEN_FILE")" |
    curl --config - -sS --max-time 10 -X "$1" -H 'Accept: application/vnd.github+json' -w '\n%{http_code}' \
      "$GITHUB_API/$GITHUB_SCOPE/actions/runners$2"
}

# Our number at GitHub, which config.sh wrote down; nothing when we are not registered.
number() {
  if [ -e .runner ]; then sed -n 's/.*"agentId": *\([0-9]*\).*/\1/p' .runner; fi
}

case $1 in
  start)
    [ -e run.sh ] || cp -R "$RUNNER_HOME"/. .
    rm -f .runner .credentials .credentials_rsaparams  # of an earlier life in this directory
    # A variable, because the real config.sh reads it from there, and an argument would be in `ps`.
    ACTIONS_RUNNER_INPUT_TOKEN=$(github POST /registration-token | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
    [ -n "$ACTIONS_RUNNER_INPUT_TOKEN" ] || { echo "GitHub gave no registration token" >&2; exit 1; }
    export ACTIONS_RUNNER_INPUT_TOKEN
    bash ./config.sh --unattended --ephemeral --replace --disableupdate \
      --url "$GITHUB_URL" --name "$(uname -n)-$WORKER_ID" --labels "$RUNNER_LABELS"
    unset ACTIONS_RUNNER_INPUT_TOKEN GITHUB_TOKEN_FILE
    exec bash ./run.sh
    ;;
  drain)  # an idle runner leaves GitHub, so that no job can reach it; GitHub refuses that for a busy one, which takes no second job anyway
    number=$(number)
    [ -n "$number" ] || exit 0
    case $(github DELETE "/$number" | tail -n 1) in
      204 | 404 | 422) ;;
      *) echo "GitHub did not answer" >&2; exit 1 ;;
    esac
    ;;
  busy)  # 0 is busy. Only GitHub's own word makes a runner idle: what cannot be asked may have a job.
    number=$(number)
    [ -n "$number" ] || exit 1
    answer=$(github GET "/$number") || exit 0
    case $answer in
      *'"busy": false'* | *'"busy":false'* | *404) exit 1 ;;
    esac
    ;;
esac
