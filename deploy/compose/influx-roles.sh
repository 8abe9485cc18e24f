#!/bin/bash
# One token a role, made once: the collector may write `readings`, analytics may read it and write `results`,
# Grafana may read each with a token of its own. Runs as root in a container of the influxdb image, then ends.
set -euo pipefail
umask 077
export INFLUX_HOST=http://influxdb:8086 INFLUX_ORG=zcf

bucket() { influx bucket list --name "$1" --hide-headers 2>/dev/null | cut -f 1; }

token() { # FOLDER OWNER DESCRIPTION PERMISSION...
    local folder=$1 file=$1/token owner=$2 described=$3 made
    shift 3
    [[ -s $file ]] && return
    made=$(influx auth create --description "$described" "$@" --json | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
    [[ -n $made ]] || { echo "no token for $described" >&2; exit 1; }
    printf '%s' "$made" >"$file.new"
    chown "$owner" "$file.new" "$folder"
    chmod 0400 "$file.new"
    chmod 0500 "$folder"
    mv "$file.new" "$file"
}

[[ -n $(bucket results) ]] || influx bucket create --name results --retention 0 >/dev/null
readings=$(bucket readings)
results=$(bucket results)
token /tokens/collector 10001:10001 'zcf collector' --write-bucket "$readings"
token /tokens/analytics 10002:10001 'zcf analytics' --read-bucket "$readings" --write-bucket "$results"
token /tokens/grafana-readings 472:0 'grafana readings' --read-bucket "$readings"
token /tokens/grafana-results 472:0 'grafana results' --read-bucket "$results"
