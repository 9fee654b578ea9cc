/**
 * The POSIX sh text that starts a command in a sandbox at most once and follows its output. It is handed to the sandbox
 * as an argument of every call and never stored there, where the inhabitants could change it. It runs in dash, bash and
 * busybox ash, and needs mkdir, mkfifo, mv, cat, dd, wc, sleep and /proc (setsid is used where there is one).
 *
 * Arguments: the command's folder, the offset to follow from, the file for stdin, then the command itself. Its stdin
 * stays open for as long as somebody reads its stdout, and it stops when that ends: engines drain the output of a client
 * that is gone, so that a closed pipe is never seen.
 *
 * `h_run` starts the command and outlives the call; any number of `h_follow` follow it. They meet in the folder:
 * - the folder itself is the claim: who makes it runs the command;
 * - `pid`: the runner's and then the command's process id and start time (field 22 of /proc/<pid>/stat: an id that is
 *   used again is not taken for them), made exclusively: a follower closes it against a runner that never came so far;
 * - `out`: stdout and stderr as one, copied from the FIFO `pipe`: a command that writes to /dev/stderr by that name
 *   would truncate a plain file;
 * - `exit`: the exit code and the bytes of output until then, by rename;
 * - `wake`: the followers' ids and start times, for a SIGUSR1 at the end.
 */
export const commandScript = String.raw`
h_dir=$1 h_at=$2 h_in=$3
shift 3
h_path=$PATH
# For the wrapper's own tools; the command gets its own back.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH

# State and start time of process $1; fails where there is none.
h_stat() {
  { read -r h_line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${'$'}{h_line##*') '}
  h_state=$1
  shift 19
  h_start=$1
}

# Whether process $1, started at $2, still runs.
h_runs() { h_stat "$1" && [ "$h_start" = "$2" ] && [ "$h_state" != Z ]; }

# This very process (a subshell's $$ is its parent's).
h_enrol() { read -r h_pid h_line </proc/self/stat && h_stat self && echo "$h_pid $h_start $1"; }

# The word behind $2 in file $1; fails where there is none.
h_field() {
  { while read -r h_key h_word; do [ "$h_key" != "$2" ] || return 0; done <"$1"; } 2>/dev/null
  return 1
}

# Bytes of output so far: where descriptor $2 of process $1 stands, to which the copier appends, else the file's size.
h_size() { h_field "/proc/$1/fdinfo/$2" pos: || h_word=$(wc -c <"$h_dir/out"); }

h_run() {
  trap '' HUP INT QUIT TERM
  exec 5>>"$h_dir/out"
  set -C
  h_enrol 5 >"$h_dir/pid" || exit 1
  set +C
  mkfifo "$h_dir/pipe" 2>&5 || exit 1
  cat <"$h_dir/pipe" >&5 &
  h_copier=$!
  h_stat $h_copier
  h_since=$h_start
  # In the foreground, since a background command starts with SIGINT ignored.
  (
    exec 5>&-
    h_enrol - >>"$h_dir/pid"
    # When memory runs out the kernel shall take it from the command, not from the box or from who records its end.
    { echo 500 >/proc/self/oom_score_adj; } 2>/dev/null
    h_setsid=
    for h_line in /usr/bin/setsid /bin/setsid; do [ ! -x $h_line ] || h_setsid=$h_line; done
    PATH=$h_path
    trap - HUP INT QUIT TERM
    exec $h_setsid "$@"
  ) >"$h_dir/pipe" 2>&1 <"$h_in"
  h_code=$?
  # Its last bytes may still be in the pipe. The copier sleeps only before an empty pipe, and does that until the last
  # child of the command is gone, for which nobody waits.
  h_tries=0
  while [ $h_tries -lt 300 ] && h_runs $h_copier "$h_since" && [ "$h_state" != S ]; do
    h_tries=$((h_tries + 1))
    [ $h_tries -lt 100 ] || sleep .05 || sleep 1
  done
  h_size self 5
  echo "$h_code $h_word" >"$h_dir/exit.new" && mv "$h_dir/exit.new" "$h_dir/exit"
  while read -r h_pid h_since h_line; do h_runs "$h_pid" "$h_since" && kill -USR1 "$h_pid"; done <"$h_dir/wake"
}

# Prints the output up to byte $1, in frames.
h_emit() {
  while [ "$h_at" -lt "$1" ]; do
    h_frame=$(($1 - h_at))
    [ $h_frame -le 1048576 ] || h_frame=1048576
    echo "$h_frame"
    dd bs=$h_frame count=1 <&3 2>/dev/null || exit 1
    h_at=$((h_at + h_frame))
  done
}

# 0: runner or command live; 1: neither does; 2: no sign of them.
h_alive() {
  h_found=2
  while read -r h_pid h_since h_fd; do
    h_runs "$h_pid" "$h_since" && return 0
    h_found=1
  done <"$h_dir/pid"
  return $h_found
} 2>/dev/null

# Whether the box was started anew since the runner was: its first process is the younger one.
h_anew() {
  read -r h_pid h_since h_fd <"$h_dir/pid" && [ "$h_since" != 0 ] && h_stat 1 && [ "$h_start" -gt "$h_since" ]
} 2>/dev/null

# A fifth of a second, a half, then always one; less when the command ends. Where sleep knows no fractions it fails at
# once, and the first two pauses fall out. Fails when the reader is gone, which is looked at from the second time on:
# most commands are over before.
h_tick() {
  case $h_pause in '') h_pause=.2 ;; .2) h_pause=.5 ;; *) h_pause=1 ;; esac
  sleep $h_pause >/dev/null 2>&1 &
  h_sleep=$!
  if [ -e "$h_dir/exit" ]; then kill $h_sleep; else wait $h_sleep; fi
  h_sleep=
  if [ -n "$h_reader" ]; then
    h_runs $h_reader "$h_readersince"
  else
    cat <&4 >/dev/null 2>&1 &
    h_reader=$!
    h_stat $h_reader
    h_readersince=$h_start
  fi
}

# Kills for want of memory, peak memory in bytes, CPU in nanoseconds: cgroup v2, else v1, else "-".
h_resources() {
  h_cgroup=/sys/fs/cgroup
  h_field $h_cgroup/memory.events oom_kill || h_field $h_cgroup/memory/memory.oom_control oom_kill || h_word=-
  h_kills=$h_word
  read -r h_peak <$h_cgroup/memory.peak || read -r h_peak <$h_cgroup/memory/memory.max_usage_in_bytes || h_peak=-
  if h_field $h_cgroup/cpu.stat usage_usec; then h_cpu=${'$'}{h_word}000
  else read -r h_cpu <$h_cgroup/cpuacct/cpuacct.usage || h_cpu=-; fi
} 2>/dev/null

h_follow() {
  h_pause= h_sleep= h_reader= h_open= h_dead= h_blank=0
  trap '[ -z "$h_sleep" ] || kill $h_sleep' USR1
  h_enrol >>"$h_dir/wake"
  while :; do
    if [ -z "$h_open" ] && [ -e "$h_dir/out" ]; then
      exec 3<"$h_dir/out"
      h_open=1
      [ "$h_at" = 0 ] || dd bs=1 skip="$h_at" count=0 <&3 2>/dev/null
    fi
    if [ -e "$h_dir/exit" ] && read -r h_code h_total <"$h_dir/exit"; then
      h_emit "$h_total"
      h_resources
      h_end="exit $h_code $h_total $h_kills $h_peak $h_cpu"
      break
    fi
    if [ -n "$h_dead" ]; then
      [ -z "$h_open" ] || { h_size none - && h_emit "$h_word"; }
      h_end=cut-off
      h_anew && h_end='cut-off anew'
      break
    fi
    h_alive
    case $? in
    0) h_size "$h_pid" "$h_fd" && h_emit "$h_word" ;;
    # Once more round: the exit code is written before the runner ends, and the copier may still be at work.
    1) h_dead=1 ;;
    *)
      h_blank=$((h_blank + 1))
      [ $h_blank != 10 ] || (set -C && echo 0 0 - >"$h_dir/pid") 2>/dev/null
      [ $h_blank -le 10 ] || h_dead=1
      ;;
    esac
    h_tick || exit 1
  done
  [ -z "$h_reader" ] || kill $h_reader
  wait
  echo "$h_end"
}

echo 'harbor 1'
exec 4<&0
if h_line=$(mkdir -m 700 "$h_dir" 2>&1); then
  : >"$h_dir/out"
  h_run "$@" </dev/null >/dev/null 2>&1 4<&- | h_follow
elif [ -d "$h_dir" ]; then
  h_follow
else
  echo "refused $h_line"
fi
`;
