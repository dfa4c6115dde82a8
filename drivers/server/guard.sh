# Runs a program for as long as standard input stays open: guard.sh FOLDER SIGNAL PROGRAM [ARGUMENT]...
# It prints the program's pid, writes its exit status into FOLDER/state and closes its output when the program has ended,
# and removes FOLDER at the end, unless it is told by a line that FOLDER is still needed. A program that ends while there
# is a FOLDER/again is started again, as after a crash.
folder=$1 signal=$2
shift 2
exec 3<&0
# When the suite is gone and the server is stopped (SIGSTOP), the system hangs up on both.
trap '' HUP
# Written over at the end and not anew: a server often ends because the disk is full.
echo 'running' >"$folder/state"
cd /
while :; do
    { cd "$folder" && exec "$@"; } </dev/null >>"$folder/server.log" 2>&1 3<&- &
    server=$!
    echo "$server"
    {
        read -r never <&3
        # Nothing outlives the guard, not even this, which is there before the server can end by the signal.
        sleep 10 &
        sleeper=$!
        trap 'kill "$sleeper"; wait "$sleeper"; exit' TERM
        kill -s "$signal" "$server"
        wait "$sleeper"
        kill -s KILL "$server"
    } >/dev/null 2>&1 &
    stopper=$!
    wait "$server"
    status=$?
    # Before its number can belong to somebody else.
    kill "$stopper" 2>/dev/null
    wait "$stopper"
    rm "$folder/again" 2>/dev/null || break
    # PostgreSQL refuses to start beside processes of the one that crashed: they see that it is gone and end.
    sleep 1
done
printf '%-7s\n' "$status" 1<>"$folder/state"
exec >&-
read -r needed <&3 || rm -rf "$folder"
