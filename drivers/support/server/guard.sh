# Guards FOLDER for as long as standard input stays open: guard.sh FOLDER SIGNAL
# It makes FOLDER and says so. Each line that it reads is the number of the process group that runs in FOLDER, or empty:
# none does. When nobody is left who could write, it sends SIGNAL to the group, kills what is there after 6 s, and removes
# FOLDER.
folder=$1 signal=$2 group=
# They go to everybody at a terminal; and whoever reads what it says may be gone.
trap '' HUP INT QUIT PIPE TERM
exec 2>&1
umask 077
mkdir "$folder" || exit

# Also the end of a shell that cannot make a process for `sleep` or `rm`: nothing here makes one.
finish() {
    : # bash spends the first command on the process that it could not make
    if [ -n "$group" ]; then
        kill -s KILL -- "-$group"
        turns=0
        while kill -s 0 -- "-$group" && [ "$((turns += 1))" -lt 200000 ]; do :; done
    fi
    exec rm -rf "$folder"
}
trap finish EXIT
echo made
exec >/dev/null 2>&1

while read -r line; do group=$line; done

# An ended program counts as there until whoever is its parent now asks for it (proc(5): state Z).
is_there() {
    kill -s 0 -- "-$group" && ! { read -r pid name state rest <"/proc/$group/stat" && [ "$state" = Z ]; }
}
if [ -n "$group" ]; then
    kill -s "$signal" -- "-$group"
    # A process that is paused (SIGSTOP) would not take it.
    kill -s CONT -- "-$group"
    tenths=0
    while is_there && [ "$((tenths += 1))" -le 60 ]; do sleep 0.1; done
    kill -s KILL -- "-$group"
fi
# What PostgreSQL has started is in other groups: it sees that its parent is gone, and makes files until then.
tries=0
until rm -rf "$folder" || [ "$((tries += 1))" -ge 50 ]; do sleep 0.1; done
