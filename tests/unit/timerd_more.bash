# SPDX-License-Identifier: BSD-3-Clause
# More of test_timerd.sh, whose functions these use: the run directory, what stands in a daemon's way, who may ask it.
: "${isolat:?}" "${daemon:?}" "${scratch:?}"

# A socket that is not the daemon's, and that nobody listens at.
make_socket() # PATH
{
	perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un($ARGV[0])) or die' "$1"
}

sockets() # FOLDER
{
	(cd "$1" && find . -type s | sort | tr -d '\n')
}

test_sockets()
{
	local dir=$scratch/shared why=
	install -d -m 711 "$dir"
	make_socket "$dir/theirs.sock"
	make_socket "$dir/d.sock"
	make_socket "$dir/x"
	timeout 20 "$daemon" --run-dir "$dir" --vm c --cpu 8000 2>"$scratch/err"
	same "a start that fails removes no socket" "2 ./d.sock./theirs.sock./x" "$? $(sockets "$dir")"
	run=$dir
	start_daemon --vm c:1 --vm e:1 || why="it does not start"
	same "another's sockets stay" "./c.sock./control./d.sock./e.sock./theirs.sock./x" "$why$(sockets "$dir")"
	"$isolat" timer add d:1 --run-dir "$run" 2>"$scratch/err"
	same "nor is one taken for its own" "1 1" "$? $(grep -c 'make socket .*/d.sock: ' "$scratch/err")"
	"$isolat" timer add f:1 --run-dir "$run"
	"$isolat" timer remove c --run-dir "$run"
	make_socket "$dir/c.sock"
	same "the record" "control e.sock f.sock " "$(tr '\n' ' ' <"$dir/sockets")"
	stop_daemon KILL
	timeout 20 "$daemon" --run-dir "$dir" --vm e --cpu 8000 2>"$scratch/err"
	same "another start that fails" "./c.sock./control./d.sock./e.sock./f.sock./theirs.sock./x" "$(sockets "$dir")"
	chmod o+w "$dir/sockets"
	timeout 20 "$daemon" --run-dir "$dir" --vm e 2>"$scratch/err"
	same "a record that others can write" "1 1" "$? $(grep -c 'shared/sockets: others can write it' "$scratch/err")"
	chmod o-w "$dir/sockets"
	why=
	start_daemon --vm e:1 || why="it does not start"
	same "after a kill its own are removed" "./c.sock./control./d.sock./e.sock./theirs.sock./x" "$why$(sockets "$dir")"
	stop_daemon TERM
	same "and at its end" "./c.sock./d.sock./theirs.sock./x lock" \
		"$(sockets "$dir") $(cd "$dir" && find . -type f -printf '%f')"
	run=$scratch/run
}

test_folder()
{
	local dir=$scratch/deep/er/run why=
	(umask 077 && exec timeout 20 "$daemon" --run-dir "$dir" 2>"$scratch/err") &
	soon test -S "$dir/control" || why="no control socket; "
	same "modes of its folders, whatever the umask" "755 755 711 600" \
		"$why$(stat -c %a "$scratch/deep" "$scratch/deep/er" "$dir" "$dir/control" | xargs)"
	kill -TERM $!
	wait $!
	chmod 750 "$dir"
	(umask 0 && exec timeout 20 env --block-signal=ALRM "$daemon" --run-dir "$dir" 2>"$scratch/err") &
	soon test -S "$dir/control"
	same "that of a folder which was there" 750 "$(stat -c %a "$dir")"
	pid=$("$isolat" timer status --json --run-dir "$dir" | jq .pid)
	same "SIGALRM comes in, whoever blocked it" 0 \
		$((0x$(sed -n 's/^SigBlk:\t//p' "/proc/$pid/status") & 1 << $(kill -l ALRM) - 1))
	pid=
	kill -TERM $!
	wait $!
}

test_places()
{
	refused "cgroup that is not there" "move a scanner into cgroup $scratch/none: No such file" --cgroup "$scratch/none"
	refused "cgroup that is a file" "move a scanner into cgroup /dev/null: Not a directory" --cgroup /dev/null
	timeout 20 "$daemon" --run-dir "$scratch/other" --cgroup "$scratch" >"$scratch/out" 2>"$scratch/err"
	same "folder that is no cgroup" "2 1 0" "$? $(wc -l <"$scratch/err") $(grep -c serves "$scratch/err")"
	# A kernel that refuses what one outside the cpuset is refused with.
	"${CC:-cc}" -x c -shared -fPIC -o "$scratch/outside.so" - <<-END
		#include <errno.h>
		int sched_setaffinity(int pid, unsigned long size, const void *set)
		{
			errno = EINVAL;
			return -1;
		}
	END
	LD_PRELOAD=$scratch/outside.so refused "CPU outside the cpuset" \
		"pin a scanner to CPU 0: its cpuset does not have that CPU" --cpu 0
	verdict "nothing is left of these either" "$(find "$scratch/other" 2>/dev/null)"
}

test_small()
{
	local i fds=() why=
	start_daemon --vm a:1 || why="it does not start"
	for ((i = 0; i < 3; i++)); do
		"$isolat" timer remove "$(printf 'a:9@7 a:1 a@0' | cut -d ' ' -f $((i + 1)))" --run-dir "$run" 2>"$scratch/err"
		why+="$? "
	done
	same "remove takes a name" "2 2 2 true" "$why$(status '.vms | length == 1')"
	"$isolat" timer status --run-dir "/$(printf 'x%.0s' {1..200})" 2>"$scratch/err"
	same "a long folder to ask" "2 0" "$? $(grep -c 'make a socket' "$scratch/err")"
	same "a scanner without a CPU" "any CPU" "$(grep -o 'CPU -1\|any CPU' "$scratch/log" | sort -u)"
	# Sixteen that say nothing, or nothing whole.
	perl -MSocket -e '
		my @callers;
		for my $i (0 .. 15) {
			socket(my $s, AF_UNIX, SOCK_STREAM, 0);
			connect($s, sockaddr_un($ARGV[0])) or die;
			syswrite($s, $i % 2 ? "{\"do\": " : "{\"do\": \"status\"}\n");
			push(@callers, $s);
		}
		$| = 1;
		print("there\n");
		alarm(20);
		for my $s (@callers) {
			1 while sysread($s, my $said, 65536);
		}
		print("hung up\n")' "$run/control" >"$scratch/callers" 2>&1 &
	soon grep -q there "$scratch/callers"
	why=
	soon serves || why="they stand in the way; "
	wait $!
	same "idle callers" "there hung up" "$why$(xargs <"$scratch/callers")"
	stop_daemon TERM
}

test_sockets
test_folder
test_places
test_small
