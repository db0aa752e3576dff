#!/bin/sh
# What a Jenkins agent of this fleet does: `agent.sh start`, `agent.sh drain`, `agent.sh busy`.
# It finds in its environment: JENKINS_URL, JENKINS_AUTH_FILE (a line USER:API-TOKEN), NODE_PREFIX, JAVA (the words before -jar);
# and WORKER_ID from hodei.workers. The node PREFIX-WORKER_ID must exist in Jenkins.
set -eu
node=$JENKINS_URL/computer/$NODE_PREFIX$WORKER_ID

# Call Jenkins: curl's options and the address. Who we are goes by a pipe, so that `ps` does not show it.
jenkins() {
  printf 'user = "%s"\n' "$(cat "$JENKINS_AUTH_FILE")" | curl --config - -fsS --max-time 10 "$@"
}

case $1 in
  start)
    curl -fsS --max-time 60 -o agent.jar "$JENKINS_URL/jnlpJars/agent.jar"
    (umask 077 && jenkins "$node/jenkins-agent.jnlp" | sed -n 's/.*<application-desc[^>]*><argument>\([0-9a-f]*\)<.*/\1/p' > secret)
    [ -s secret ] || { echo "Jenkins gave no secret for $node; is there such a node?" >&2; exit 1; }
    # Our predecessor of this name was drained: the node is temporarily offline until somebody takes it back.
    case $(jenkins "$node/api/json?tree=temporarilyOffline") in
      *'"temporarilyOffline":true'* | *'"temporarilyOffline": true'*) jenkins -o /dev/null -X POST "$node/toggleOffline" ;;
    esac
    # Unquoted on purpose: JAVA may be several words.
    # shellcheck disable=SC2086
    exec $JAVA -jar agent.jar -url "$JENKINS_URL/" -name "$NODE_PREFIX$WORKER_ID" -secret @secret -webSocket -workDir "$HOME"
    ;;
  drain)  # changeOfflineCause sets `temporarily offline` however often it is called; toggleOffline would take it back the second time
    jenkins -o /dev/null -X POST "$node/changeOfflineCause?offlineMessage=drained+by+hodei.workers"
    ;;
  busy)  # 0 is busy. Only Jenkins' own word makes an agent idle: what cannot be asked may have a build.
    answer=$(jenkins "$node/api/json?tree=idle") || exit 0
    case $answer in
      *'"idle":true'* | *'"idle": true'*) exit 1 ;;
    esac
    ;;
esac
