#!/bin/bash
# A gateway: this checkout as a service, its upgrades, its backups. Run as root from a checkout.
#
#   deploy/install.sh install [--edge]   users, folders, units, a release of this checkout; --edge: collector only
#   deploy/install.sh upgrade [--edge]   another release beside the old one, then the switch; the one before stays for rollback
#   deploy/install.sh rollback           back to the release before
#   deploy/install.sh backup FILE        site file, profiles and store into FILE (.tar.gz); may run while the services do
#   deploy/install.sh restore FILE       back again; the services must be stopped; what was there is kept beside
#
# ZCF_ROOT=FOLDER puts everything below FOLDER, without users, units started or packages: for a look, and for the tests.
set -euo pipefail
umask 027

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=${ZCF_ROOT:-}
opt=$root/opt/zcf etc=$root/etc/zcf store=$root/var/lib/zcf units=$root/etc/systemd/system

say() { echo "install: $*"; }
fail() { echo "install: $*" >&2; exit 1; }
for_real() { [[ -z $root ]]; }

users() {
    for_real || return 0
    [[ $(id -u) == 0 ]] || fail "run as root"
    getent group zcf >/dev/null || groupadd --system zcf
    local user
    for user in zcf-collector zcf-analytics; do
        getent passwd "$user" >/dev/null ||
            useradd --system --gid zcf --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
    done
}

folder() { # PATH MODE OWNER
    install -d -m "$2" "$1"
    if for_real; then chown "$3" "$1"; fi
}

folders() {
    folder "$opt" 0755 root:root
    folder "$opt/releases" 0755 root:root
    folder "$etc" 0750 root:zcf
    folder "$etc/secrets" 0700 root:root
    folder "$store" 0750 root:zcf
    folder "$store/readings" 0750 zcf-collector:zcf
    folder "$store/results" 0750 zcf-analytics:zcf
    folder "$store/entries" 0750 zcf-analytics:zcf
}

release() { # [--edge]
    local name new
    name=$(date -u +%Y%m%dT%H%M%SZ)-$$
    new=$opt/releases/$name
    mkdir -m 0755 "$new"
    tar -C "$here" --exclude=./.venv --exclude=./.git --exclude=__pycache__ --exclude='./.*_cache' --exclude=./.zcf -cf - . | tar -C "$new" -xf -
    chmod -R u=rwX,go=rX "$new"
    if for_real; then (umask 022 && python3 "$new/deploy/bootstrap.py" install "$@"); fi
    switch "$new"
}

switch() { # RELEASE: in one step, so that there is no moment without one
    local before
    before=$(readlink "$opt/current" || true)
    ln -sfn "$1" "$opt/current.new"
    mv -T "$opt/current.new" "$opt/current"
    if [[ -n $before && $before != "$1" ]]; then ln -sfn "$before" "$opt/previous"; fi
    say "now: $1"
}

services() { # [--edge]
    install -d "$units"
    install -m 0644 "$opt/current/deploy/systemd/zcf-collector.service" "$units/"
    [[ ${1:-} == --edge ]] || install -m 0644 "$opt/current/deploy/systemd/zcf-analytics.service" "$units/"
    if [[ -s $etc/secrets/influx_token ]]; then
        install -d "$units/zcf-collector.service.d"
        install -m 0644 "$opt/current/deploy/systemd/forward.conf" "$units/zcf-collector.service.d/"
    fi
    if [[ -s $etc/secrets/influx_read_token ]]; then
        install -d "$units/zcf-collector.service.d"
        install -m 0644 "$opt/current/deploy/systemd/readback.conf" "$units/zcf-collector.service.d/"
    fi
    for_real || return 0
    systemctl daemon-reload
    local unit
    for unit in zcf-collector zcf-analytics; do
        if [[ -e $units/$unit.service ]]; then systemctl enable "$unit"; fi
    done
}

restart() {
    for_real || return 0
    [[ -e $etc/site.yaml ]] || { say "write $etc/site.yaml (0640 root:zcf), then: systemctl start zcf-collector zcf-analytics"; return; }
    "$opt/current/.venv/bin/zcf" check "$etc/site.yaml" >/dev/null || fail "the site file has faults: nothing was restarted"
    systemctl restart zcf-collector
    if [[ -e $units/zcf-analytics.service ]]; then systemctl restart zcf-analytics; fi
}

rollback() {
    [[ -L $opt/previous ]] || fail "there is no release before this one"
    switch "$(readlink "$opt/previous")"
    restart
}

# SQLite's own online copy, each file by itself: consistent while the services write.
COPY='
import pathlib, sqlite3, sys
source, target = map(pathlib.Path, sys.argv[1:])
for file in sorted(source.glob("*/*.db")):
    copy = target / file.relative_to(source)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(file.absolute().as_uri() + "?mode=ro", uri=True) as old, sqlite3.connect(copy) as new:
        old.backup(new)
    (answer,) = new.execute("PRAGMA integrity_check").fetchone()
    new.close()
    if answer != "ok":
        sys.exit(f"{file}: {answer}")
'

backup() { # FILE
    [[ -n ${1:-} ]] || fail "backup: into which file?"
    [[ ! -e $1 ]] || fail "$1 is there already"
    local work
    work=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    mkdir "$work/store" "$work/etc"
    python3 -c "$COPY" "$store" "$work/store" || fail "the store was not copied"
    if [[ -d $store/entries ]]; then find "$store/entries" -maxdepth 1 -name 'audit*.jsonl' -exec cp -t "$work/store/entries" {} +; fi
    if [[ -d $store/readings ]]; then find "$store/readings" -maxdepth 1 -name '*.json' -exec cp -t "$work/store/readings" {} +; fi
    tar -C "$etc" --exclude=./secrets -cf - . | tar -C "$work/etc" -xf -
    (cd "$work" && find store etc -type f -exec sha256sum {} + >SHA256SUMS)
    tar -C "$work" -czf "$1.new" .
    mv "$1.new" "$1"
    say "$1 holds the store and $etc, without its secrets"
}

restore() { # FILE
    [[ -s ${1:-} ]] || fail "restore: from which file?"
    local file work aside unit
    file=$(realpath "$1")
    if for_real; then
        for unit in zcf-collector zcf-analytics; do
            if systemctl is-active --quiet "$unit"; then fail "stop $unit first"; fi
        done
    fi
    work=$(mktemp -d -p "$(dirname "$store")" .zcf-restore.XXXXXX)
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    tar -C "$work" --no-same-owner -xzf "$file"
    (cd "$work" && sha256sum --check --quiet SHA256SUMS) || fail "$file is damaged: nothing was changed"
    aside=$store.before-$(date -u +%Y%m%dT%H%M%SZ)-$$
    mv "$store" "$aside"
    cp -a "$etc" "$aside/etc"
    folders
    for unit in readings results entries; do
        if [[ -d $work/store/$unit ]]; then cp "$work/store/$unit/"* "$store/$unit/"; fi
        chmod 0640 "$store/$unit/"* 2>/dev/null || true
        if for_real; then chown -R --reference="$store/$unit" "$store/$unit"; fi
    done
    cp -r "$work/etc/." "$etc/"
    if for_real; then chown -R root:zcf "$etc" && chown -R root:root "$etc/secrets"; fi
    say "restored; what was there before is in $aside"
}

command=${1:-help}
shift || true
case $command in
install | upgrade)
    [[ $# == 0 || ($# == 1 && $1 == --edge) ]] || fail "$command [--edge]"
    users
    folders
    release "$@"
    services "$@"
    restart
    ;;
rollback) rollback ;;
backup) backup "$@" ;;
restore) restore "$@" ;;
*) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; [[ $command == help ]] ;;
esac
