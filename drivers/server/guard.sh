# Runs a server for as long as standard input stays open: guard.sh FOLDER SIGNAL PROGRAM [ARGUMENT]...
# It prints the server's pid, writes its exit status to FOLDER/ended, and removes FOLDER at the end. A server that ends
# while there is a FOLDER/again is started again, as after a crash.
folder=$1 signal=$2
shift 2
exec 3<&0
# When the suite is gone and the server is stopped (SIGSTOP), the system hangs up on both.
trap '' HUP
while :; do
    "$@" </dev/null >>"$folder/server.log" 2>&1 3<&- &
    server=$!
    echo "$server"
    {
        cat <&3
        kill -s "$signal" "$server"
        sleep 10
        kill -s KILL "$server"
    } >/dev/null 2>&1 &
    stopper=$!
    wait "$server"
    status=$?
    # Before its number can belong to somebody else.
    kill "$stopper" 2>/dev/null
    rm "$folder/again" 2>/dev/null || break
    # PostgreSQL refuses to start beside processes of the one that crashed: they see that it is gone and end.
    sleep 1
done
echo "$status" >"$folder/ended" 2>/dev/null
cat <&3 >/dev/null
cd /
rm -rf "$folder"
