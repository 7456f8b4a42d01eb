// Command guest is the program that the end-to-end tests run inside sandboxes.
// It is static and needs nothing but /proc. Answers for the tests are JSON on
// stdout, in the types of package report; mistakes go to stderr.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

// command is one subcommand. It gets the arguments after its name.
type command struct {
	usage string
	run   func(args []string) error
}

var commands = map[string]command{
	"ops":         {"DIR...: run all file operations on each directory", runOps},
	"acknowledge": {"DIR NUMBER: write files one after the other and print which are stored", runAcknowledge},
	"roops":       {"DIR: read in a read-only directory and see every write refused", runReadOnly},
	"mounts":      {": print the mount table as JSON", runMounts},
	"report":      {"DIR...: run ops on each directory and print them with the mount table", runReport},
	"semantics":   {"DIR OTHER: record as JSON what every file operation answers in DIR", runSemantics},
	"overlay":     {"JOB:DIR...: record as JSON what every case answers in overlays", runOverlay},
	"scenes":      {": print the names of the directories that the cases of overlays need", runScenes},
	"mounted":     {"MOUNTS COMMAND [ARGUMENT...]: mount overlays, given as JSON by target, and run a command", runMounted},
	"connect":     {"SOCKET: print what a socket of the host sends", runConnect},
	"chmod":       {"PATH MODE: change the mode and print it", runChmod},
	"line":        {"FILE: print the next line of a fifo", runLine},
	"list":        {"DIR: print the names in a directory as JSON", runList},
	"try":         {"OP PATH: try one operation and exit with its error", runTry},
	"script":      {"STEP...: run a step at each SIGUSR1, with files that stay open", runScript},
	"serve":       {"DIR...: report, then wait for SIGTERM", runServe},
	"demo":        {": show how each gofer mount is mounted", runDemo},
	"cat":         {"FILE: print a file", runCat},
	"write":       {"FILE TEXT: write a text and a newline to a file", runWrite},
	"own":         {"FILE UID GID: change a file's owner and read it back", runOwn},
	"stat":        {"PATH: print type, mode, owner and size as JSON", runStat},
	"counter":     {"FILE: append a line to a file that stays open, at each SIGUSR1", runCounter},
	"openall":     {"DIR: make files until that fails, print how many and the error, and close them at SIGUSR1", runOpenAll},
	"hash":        {"FILE: print the SHA-256 of the content, read", runHash},
	"mapped":      {"FILE: the same of the content, mapped", runMapped},
	"identity":    {"[ARGUMENT...]: print as JSON all that a process has from the one that executed it", runIdentity},
	"merged":      {"DIR: change files of all layers of an overlay, and print what is in it", runMerged},
	"uncover":     {"DIR: print what is in a directory, and under each mount on it", runUncover},
	"fill":        {"FILE SIZE: write a content of that size and print its hash", runFill},
	"exit":        {"CODE: exit with the code", runExit},
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	c, ok := commands[os.Args[1]]
	if !ok {
		usage()
	}
	if err := c.run(os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "guest %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func usage() {
	names := make([]string, 0, len(commands))
	for n := range commands {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "  %s %s\n", n, commands[n].usage)
	}
	fmt.Fprintf(os.Stderr, "usage: guest COMMAND [ARGUMENT...]\n%s", b.String())
	os.Exit(2)
}

// want checks the number of arguments.
func want(args []string, n int) error {
	if len(args) != n {
		return fmt.Errorf("got %d arguments, want %d", len(args), n)
	}
	return nil
}
