// Package job is what the tests tell the attacker program, and what it says
// back.
package job

// Inode identifies a file of the host, whatever the path or the mount.
type Inode struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// Handle is a file handle (open_by_handle_at(2)).
type Handle struct {
	Type  int32  `json:"type"`
	Bytes []byte `json:"bytes"`
}

// Job is what to attack, and how.
type Job struct {
	// PID is the sandbox process whose place the attacker takes.
	PID int `json:"pid"`

	// Attempts are the names of attempts; each runs in a process of its own.
	Attempts []string `json:"attempts"`

	// Only, if not empty, are the directories whose FDs are taken; all others
	// are left.
	Only []Inode `json:"only"`

	// Forbidden maps what must not be reached to a name for it.
	Forbidden map[string][]Inode `json:"forbidden"`

	// Names are paths to try from every directory, relative or absolute.
	Names []string `json:"names"`

	// Handles are handles of forbidden files. An attacker can guess them: they
	// are an inode number and a generation.
	Handles []Handle `json:"handles"`

	// ReadOnly are directories and files of read-only mounts.
	ReadOnly []Inode `json:"readOnly"`

	// Rounds bounds the attempts that repeat one thing.
	Rounds int `json:"rounds"`
}

// Result is what came of one attempt.
type Result struct {
	Attempt string `json:"attempt"`

	// Breaches is what succeeded and must not.
	Breaches []string `json:"breaches"`

	// Errors counts the calls that failed, by the name of the error. A call
	// that a seccomp filter ended with the process counts as SIGSYS.
	Errors map[string]int `json:"errors"`

	// Dirs and Files are how many FDs the attacker had taken.
	Dirs  int `json:"dirs"`
	Files int `json:"files"`

	// Looked is how many directories and files it looked at.
	Looked int `json:"looked"`

	// Filters is how many seccomp filters the sandbox had, where the attempt
	// used them.
	Filters int `json:"filters"`
}

// Inner is the job of one attempt inside the sandbox's place.
type Inner struct {
	Job
	Attempt string `json:"attempt"`

	// Dirs and Files are FDs taken from the sandbox, Exe is the attacker's own
	// program and Out where the result goes.
	Dirs  []int `json:"dirs"`
	Files []int `json:"files"`
	Exe   int   `json:"exe"`
	In    int   `json:"in"`
	Out   int   `json:"out"`

	// Caps are the capabilities that the process must have, and UID its user.
	Caps uint64 `json:"caps"`
	UID  int    `json:"uid"`

	// Filters are the sandbox's seccomp filters as the kernel has them, the
	// oldest first, 8 bytes for an instruction.
	Filters [][]byte `json:"filters"`
}
