// Program guest is what the images of the conformance tests have beside busybox.
// It stands in for the programs of the images that critest's specs name, as far
// as the specs look at them, and is known by the name that it is started by.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

var programs = map[string]func() error{
	"nginx": nginx, "httpd": httpd, "nonewprivs": nonewprivs, "ipcs": ipcs, "pgrep": pgrep, "pause": pause,
}

func main() {
	name, _, _ := strings.Cut(os.Args[0], ":")
	program := programs[filepath.Base(name)]
	if program == nil {
		program = func() error { return fmt.Errorf("no program of this name") }
	}
	if err := program(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// masterTitle is what a process of nginx has in place of its arguments.
const masterTitle = "nginx: master process"

// nginx serves a page on the port that is its argument. It is found by its PID,
// the name of its file and its title.
func nginx() error {
	if !strings.HasPrefix(os.Args[0], masterTitle) {
		return syscall.Exec("/proc/self/exe", append([]string{masterTitle}, os.Args[1:]...), os.Environ())
	}
	if err := os.WriteFile("/var/run/nginx.pid", fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		return err
	}
	return serve("nginx")
}

// httpd is a web server too, which says its name.
func httpd() error {
	fmt.Println("httpd: serving")
	return serve("httpd")
}

func serve(name string) error {
	return http.ListenAndServe(":"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Welcome to", name)
	}))
}

// nonewprivs belongs to root and has the set-user-ID bit.
func nonewprivs() error {
	_, err := fmt.Println("Effective uid:", os.Geteuid())
	return err
}

// Operations of shmctl(2) that are for ipcs.
const (
	shmStat = 13
	shmInfo = 14
)

// ipcs lists segments of shared memory.
func ipcs() error {
	var b [256]byte // more than struct shm_info and shmid_ds
	last, _, errno := syscall.Syscall(syscall.SYS_SHMCTL, 0, shmInfo, uintptr(unsafe.Pointer(&b)))
	if errno != 0 {
		return fmt.Errorf("SHM_INFO: %w", errno)
	}
	fmt.Println("shmid")
	for i := range last + 1 {
		if id, _, errno := syscall.Syscall(syscall.SYS_SHMCTL, i, shmStat, uintptr(unsafe.Pointer(&b))); errno == 0 {
			fmt.Println(id)
		}
	}
	return nil
}

// pause is a pod's first process.
func pause() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	<-stop
	return nil
}

// pgrep lists processes by the name of their programs.
func pgrep() error {
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return err
	}
	found := false
	for _, f := range files {
		comm, err := os.ReadFile(f)
		if err == nil && strings.Contains(string(comm), os.Args[1]) {
			found = true
			fmt.Println(filepath.Base(filepath.Dir(f)))
		}
	}
	if !found {
		os.Exit(1)
	}
	return nil
}
