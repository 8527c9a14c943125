#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Shows the two plugins at work on this machine's cgroups, and checks each step against a plain walk of the directories.
set -euo pipefail

usage()
{
    cat <<'END'
usage: tools/demo.sh [--seconds N] [--build-dir DIR] [--skip-build] [--keep]

Installs what is missing, builds, then runs cgroups.plugin and ebpf.plugin on the real /sys/fs/cgroup. Makes, fills
and removes cgroups of its own (netipc-demo-<pid>) meanwhile, kills cgroups.plugin once, and compares what
ebpf.plugin reports after each step with a walk of the directories. Leaves nothing behind.

  --seconds N       go on with changes for so long, 1 to 86400; default 20
  --build-dir DIR   default: build
  --skip-build      use what is built there already; install nothing
  --keep            keep the reports and messages of the two programs, and say where they are

Exit status: 0 when everything agreed; 1 when something did not, or when there was no right to make cgroups; 2 for a
wrong command line. Times to wait are multiplied by NETIPC_TEST_SLOW.
END
}

wrong()
{
    printf 'demo.sh: %s\nTry: tools/demo.sh --help\n' "$1" >&2
    exit 2
}

say()
{
    printf '%s\n' "$*"
}

fail()
{
    printf 'demo.sh: %s\n' "$1" >&2
    exit 1
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seconds=20
build_dir=$top/build
build=1
keep=0
while [ $# -gt 0 ]; do
    case $1 in
    --seconds | --build-dir)
        [ $# -ge 2 ] || wrong "$1 needs a value"
        case $1 in
        --seconds) seconds=$2 ;;
        --build-dir) build_dir=$2 ;;
        esac
        shift
        ;;
    --skip-build) build=0 ;;
    --keep) keep=1 ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) wrong "unknown argument: $1" ;;
    esac
    shift
done
if ! [[ $seconds =~ ^[1-9][0-9]{0,4}$ ]] || [ "$seconds" -gt 86400 ]; then
    wrong "--seconds $seconds: not 1 to 86400"
fi
slow=${NETIPC_TEST_SLOW:-1}
patience=$(LC_ALL=C awk -v slow="$slow" 'BEGIN { print int(20 * (slow > 0 ? slow : 1) + 1) }')

if [ $build = 1 ]; then
    "$top/tools/prepare.sh" --group build --group demo --build-dir "$build_dir" >&2
fi
publisher_program=$build_dir/tools/cgroups_plugin/cgroups.plugin
subscriber_program=$build_dir/tools/ebpf_plugin/ebpf.plugin
for program in "$publisher_program" "$subscriber_program"; do
    [ -x "$program" ] || fail "$program is not there; run tools/demo.sh without --skip-build"
done
command -v jq >/dev/null || fail 'jq is missing; run as root: apt-get install --no-install-recommends jq'

# --- what is cleaned up, however it ends ---------------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/tmp}/netipc-demo.XXXXXX")
reports=$work/reports # of ebpf.plugin, a JSON object a line
base=/netipc-demo-$$
publisher=''
subscriber=''
sleepers=()
hierarchies=() # mount points that the publisher walks, and that our cgroups are made in
mounts=()      # of all cgroup hierarchies

# Kills a child of ours and waits for it; without the shell's own remark about it.
kill_child()
{
    {
        kill -KILL "$1"
        wait "$1"
    } 2>/dev/null || true
}

stop_children()
{
    local pid
    for pid in $publisher $subscriber "${sleepers[@]}"; do
        kill_child "$pid"
    done
    publisher='' subscriber='' sleepers=()
}

# A cgroup is free a moment after its last process has been waited for.
remove_directory()
{
    local deadline=$((SECONDS + patience))
    until rmdir "$1" 2>/dev/null; do
        [ -d "$1" ] || return 0
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.05
    done
}

remove_ours()
{
    local hierarchy directory
    for hierarchy in "${hierarchies[@]}"; do
        [ -d "$hierarchy$base" ] || continue
        while IFS= read -r directory; do
            remove_directory "$directory" || printf 'demo.sh: cannot remove %s\n' "$directory" >&2
        done < <(find "$hierarchy$base" -depth -type d)
    done
}

clean_up()
{
    local status=$?
    trap - EXIT
    stop_children
    remove_ours
    if [ $keep = 1 ]; then
        say "Kept: $work"
    else
        rm -rf "$work"
    fi
    exit $status
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the hierarchy, walked without the help of what is shown ---------------------------------------------------------

# mount_of CONTROLLER: the first mount point of a v1 controller.
mount_of()
{
    awk -v controller="$1" '{
        for (dash = 7; dash < NF && $dash != "-"; dash++) { }
        if ($(dash + 1) == "cgroup" && ("," $(dash + 3) ",") ~ ("," controller ",")) { print $5; exit }
    }' /proc/self/mountinfo
}

find_hierarchies()
{
    local controller mount
    if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
        kind=v2
        hierarchies=(/sys/fs/cgroup)
    else
        kind=v1
        for controller in cpuacct blkio memory; do
            mount=$(mount_of "$controller")
            [ -n "$mount" ] && [[ " ${hierarchies[*]} " != *" $mount "* ]] && hierarchies+=("$mount")
        done
    fi
    [ ${#hierarchies[@]} -gt 0 ] || fail '/sys/fs/cgroup has neither a v2 tree nor the v1 controllers cpuacct, blkio or memory'
    mapfile -t mounts < <(awk '{ for (dash = 7; dash < NF && $dash != "-"; dash++) { }
                                 if ($(dash + 1) ~ /^cgroup2?$/) print $5 }' /proc/self/mountinfo | sort -ru)
}

# walk BELOW: the ids of all cgroups below that id, in all hierarchies in use, each once.
walk()
{
    local hierarchy
    for hierarchy in "${hierarchies[@]}"; do
        # Directories may vanish while find is in them.
        find "$hierarchy$1" -type d -printf "%p\n" 2>/dev/null | while IFS= read -r path; do
            path=${path#"$hierarchy"}
            printf '/%s\n' "${path#/}"
        done || true
    done | LC_ALL=C sort -u
}

# What cgroups.plugin looks into by default; the first match decides.
search_list='!*/init.scope !*-qemu !*.libvirt-qemu !/init.scope !/system !/systemd !/user !/lxc/*/* !/lxc.monitor
             !/lxc.payload/*/* !/lxc.payload.* *'

# Of ids, parents first, those that must be reported: neither excluded nor below one that is.
not_excluded()
{
    LIST=$search_list awk '
        function to_regex(glob) {
            gsub(/[][\\.^$+?(){}|]/, "[&]", glob)
            gsub(/\[\\\]/, "\\\\", glob)
            gsub(/\[\^\]/, "\\^", glob)
            gsub(/\*/, ".*", glob)
            return "^" glob "$"
        }
        function excluded(id, i) {
            for (i = 1; i <= words; i++)
                if (id ~ regex[i])
                    return negative[i]
            return 1
        }
        BEGIN {
            words = split(ENVIRON["LIST"], word, /[ \n]+/)
            for (i = 1; i <= words; i++) {
                negative[i] = sub(/^!/, "", word[i])
                regex[i] = to_regex(word[i])
            }
        }
        {
            parent = $0
            sub(/\/[^\/]*$/, "", parent)
            if (parent in out || excluded($0))
                out[$0]
            else
                print
        }'
}

# The cgroups that are ours as the kernel lists them: "id pid pid ...", sorted.
kernel_view()
{
    local id hierarchy pids
    while IFS= read -r id; do
        for hierarchy in "${hierarchies[@]}"; do
            [ -e "$hierarchy$id/cgroup.procs" ] || continue
            pids=$(sort -nu "$hierarchy$id/cgroup.procs" 2>/dev/null | paste -sd' ')
            say "$id${pids:+ $pids}"
            break
        done
    done < <(walk "$base")
}

# --- what ebpf.plugin says ---------------------------------------------------------------------------------------------

# The last report that is whole.
last_report()
{
    tail -n 2 "$reports" | jq -cR 'fromjson?' | tail -n 1
}

# Path of cgroup.procs -> id; $mounts has the longest names first.
# shellcheck disable=SC2016 # jq's variables
id_of='def id: . as $path | ((first($mounts[] | select(. as $mount | $path | startswith($mount + "/"))) // "") as $mount
       | $path[($mount | length):] | rtrimstr("/cgroup.procs") | if . == "" then "/" else . end);'

ask()
{
    jq -r --arg base "$base" "$id_of $1" --argjson mounts "$mounts_json" <<<"$report"
}

plugin_view()
{
    # shellcheck disable=SC2016 # jq's variables
    ask '.cgroups[] | select(.enabled) | . + {id: (.path | id)} | select(.id == $base or (.id | startswith($base + "/")))
         | [.id] + (.pids | sort | map(tostring)) | join(" ")' | LC_ALL=C sort
}

# --- waiting for agreement -----------------------------------------------------------------------------------------------

report=''
expected='' reported='' # our cgroups, in the directories and in the report
unknown='' missing=''   # the differences on the whole host
generation=0
checks=0

agree_now()
{
    expected=$(kernel_view)
    report=$(last_report)
    [ -n "$report" ] || return 1
    [ "$(jq -r .state <<<"$report")" = READY ] || return 1
    reported=$(plugin_view)
    [ "$reported" = "$expected" ]
}

host_agrees_now()
{
    local before after
    before=$(walk /)
    report=$(last_report)
    after=$(walk /)
    [ -n "$report" ] && [ "$(jq -r .state <<<"$report")" = READY ] || return 1
    reported=$(ask '.cgroups[] | select(.path != "") | .path | id' | LC_ALL=C sort -u)
    unknown=$(LC_ALL=C comm -23 <(say "$reported") <(printf '%s\n%s\n' "$before" "$after" | LC_ALL=C sort -u))
    missing=$(LC_ALL=C comm -13 <(say "$reported") <(LC_ALL=C comm -12 <(say "$before") <(say "$after") | not_excluded))
    [ -z "$unknown$missing" ]
}

processes_alive()
{
    local pid
    for pid in "$publisher" "$subscriber"; do
        [ -z "$pid" ] || kill -0 "$pid" 2>/dev/null || fail "a plugin ended by itself; it said: $(tail -n 5 "$work/messages")"
    done
}

# within COMMAND: until it succeeds; false when the patience is over.
within()
{
    local deadline=$((SECONDS + patience))
    until "$@"; do
        processes_alive
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

numbers()
{
    jq -r '"generation \(.generation), \(.items) cgroups, \(.pids) processes"' <<<"$report"
}

# agree TEXT: the plugin's table becomes that of the kernel.
agree()
{
    local began=${EPOCHREALTIME/[.,]/} ended
    say "  $1"
    if ! within agree_now; then
        printf '%s:\n%s\n' 'The directories hold' "$expected" 'ebpf.plugin reports' "$reported" >&2
        fail "no agreement within $patience s after: $1"
    fi
    ended=${EPOCHREALTIME/[.,]/}
    checks=$((checks + 1))
    generation=$(jq -r .generation <<<"$report")
    say "      -> $(numbers); ours: $(awk 'NF { cgroups++; processes += NF - 1 }
        END { printf "%d cgroups, %d processes", cgroups, processes }' <<<"$reported"); as in the" \
        "directories after $(((ended - began) / 1000)) ms"
}

# agree_anew TEXT: the same for a change of the set of cgroups, which takes a new generation.
agree_anew()
{
    local before=$generation
    agree "$1"
    [ "$generation" -gt "$before" ] || fail "the generation did not move after: $1"
}

host_agree()
{
    within host_agrees_now || {
        printf '%s:\n%s\n' 'Reported and not there' "$unknown" 'There and not reported' "$missing" >&2
        fail "the whole host does not agree within $patience s"
    }
    checks=$((checks + 1))
    say "  the whole host: $(wc -l <<<"$reported") cgroups, as in the directories; $(numbers)"
}

# --- changes -----------------------------------------------------------------------------------------------------------

make_cgroup()
{
    local hierarchy
    for hierarchy in "${hierarchies[@]}"; do
        mkdir "$hierarchy$base$1"
    done
}

remove_cgroup()
{
    local hierarchy
    for hierarchy in "${hierarchies[@]}"; do
        remove_directory "$hierarchy$base$1" || fail "cannot remove $hierarchy$base$1"
    done
}

move_process()
{
    local hierarchy
    for hierarchy in "${hierarchies[@]}"; do
        echo "$2" >"$hierarchy$base$1/cgroup.procs"
    done
}

# The new sleeper's pid is in $sleeper.
start_sleeper()
{
    sleep 100000 &
    sleeper=$!
    sleepers+=("$sleeper")
    move_process "$1" "$sleeper"
}

end_sleeper()
{
    local pid rest=()
    kill_child "$1"
    for pid in "${sleepers[@]}"; do
        [ "$pid" = "$1" ] || rest+=("$pid")
    done
    sleepers=("${rest[@]}")
}

start_publisher()
{
    "$publisher_program" --run-dir "$work/run" --service demo --token 7 --interval 0.5 >>"$work/messages" 2>&1 &
    publisher=$!
}

start_subscriber()
{
    "$subscriber_program" --run-dir "$work/run" --service demo --token 7 --interval 0.5 --json >"$reports" 2>>"$work/messages" &
    subscriber=$!
}

attached()
{
    report=$(last_report)
    [ -n "$report" ] && [ "$(jq -r .state <<<"$report")" = READY ]
}

lost()
{
    report=$(last_report)
    [ -n "$report" ] && [ "$(jq -r .state <<<"$report")" != READY ]
}

# end_plugin NAME PID: ends it by SIGTERM, after which its exit status must be 0.
end_plugin()
{
    local status=0
    kill -TERM "$2"
    wait "$2" || status=$?
    [ $status = 0 ] || fail "$1 ended with $status after SIGTERM; it said: $(tail -n 5 "$work/messages")"
}

# --- the show -----------------------------------------------------------------------------------------------------------

find_hierarchies
mounts_json=$(printf '%s\n' "${mounts[@]}" | jq -R . | jq -sc 'sort_by(-length)')
mkdir -m 700 "$work/run"
: >"$reports"

say "Hierarchy: $kind at ${hierarchies[*]}"
start_subscriber
within lost || fail 'ebpf.plugin does not report'
say "ebpf.plugin runs and says $(jq -r .state <<<"$report"): there is no publisher yet"
start_publisher
within attached || fail "ebpf.plugin does not attach; it said: $(tail -n 5 "$work/messages")"
say "cgroups.plugin runs, ebpf.plugin says READY"
host_agree

for hierarchy in "${hierarchies[@]}"; do
    if ! mkdir "$hierarchy$base" 2>/dev/null; then
        end_plugin ebpf.plugin "$subscriber"
        end_plugin cgroups.plugin "$publisher"
        subscriber='' publisher=''
        fail "cannot make $hierarchy$base, so that only the cgroups already there were compared (they agreed).
For the whole demonstration, run as root, where cgroups can be made: sudo tools/demo.sh"
    fi
done
generation=$(jq -r .generation <<<"$report")
started=$SECONDS

say 'Changes:'
make_cgroup /web
make_cgroup /database
start_sleeper /web
first=$sleeper
start_sleeper /web
start_sleeper /database
agree_anew "made $base with web (2 processes) and database (1 process)"
make_cgroup /web/worker
move_process /web/worker "$first"
agree_anew 'made web/worker and moved a process of web there'
end_sleeper "$first"
agree 'ended the process of web/worker'
remove_cgroup /web/worker
make_cgroup /cache
start_sleeper /cache
third=$sleeper
agree_anew 'removed web/worker and made cache (1 process): as many cgroups, but others'

say 'cgroups.plugin is killed (SIGKILL):'
incarnation=$(jq -r .incarnation <<<"$report")
table=$(plugin_view)
kill_child "$publisher"
publisher=''
within lost || fail 'ebpf.plugin did not notice the death of cgroups.plugin'
[ "$(plugin_view)" = "$table" ] || fail 'ebpf.plugin lost its table when cgroups.plugin died'
checks=$((checks + 1))
say "  ebpf.plugin says $(jq -r .state <<<"$report") and keeps its table: $(numbers)"
make_cgroup /meanwhile
start_sleeper /meanwhile
say '  made meanwhile (1 process) while nobody publishes, and started cgroups.plugin again'
start_publisher
agree 'ebpf.plugin attaches to the new one'
[ "$(jq -r .incarnation <<<"$report")" != "$incarnation" ] || fail 'the new cgroups.plugin has the old incarnation'
say "      incarnation $(jq -r .incarnation <<<"$report"), before $incarnation"

say "More changes, until $seconds s have passed:"
rounds=0
while [ $((SECONDS - started)) -lt "$seconds" ]; do
    rounds=$((rounds + 1))
    make_cgroup "/round-$rounds"
    start_sleeper "/round-$rounds"
    if [ $rounds -gt 2 ]; then
        end_sleeper "${sleepers[-3]}"
        remove_cgroup "/round-$((rounds - 2))"
    fi
    agree_anew "round $rounds: made round-$rounds$([ $rounds -le 2 ] || printf ', removed round-%d' $((rounds - 2)))"
done

say 'The end:'
end_sleeper "$third"
for pid in "${sleepers[@]}"; do
    end_sleeper "$pid"
done
remove_ours
agree_anew 'removed all of them'
host_agree
end_plugin ebpf.plugin "$subscriber"
subscriber=''
end_plugin cgroups.plugin "$publisher"
publisher=''
left=$(find "$work/run" -type s)
[ -z "$left" ] || fail "left behind: $left"
jq -es 'all(.[]; has("state"))' "$reports" >/dev/null || fail "$reports holds lines that are no reports"
say "All of $checks checks agreed; $(wc -l <"$reports") reports, $rounds rounds, one publisher killed, both ended by SIGTERM."
