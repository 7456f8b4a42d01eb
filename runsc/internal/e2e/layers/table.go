package layers

import "strings"

type layer string

const (
	bottom layer = "bottom"
	middle layer = "middle"
	top    layer = "top"
	upper  layer = "upper"
)

type kind int

const (
	file      kind = iota // text is the content
	directory             // parents come first
	opaque                // a directory that hides those below it
	whiteout              // hides what is below it
	symlink               // text is the target
	hardlink              // text is the other name
	fifo
)

// entry is one name in one layer.
type entry struct {
	name     string
	kind     kind
	text     string
	mode     uint32 // 0: as it comes
	uid, gid int
	xattrs   map[string]string
}

// LongName is a name as long as names can be (path_resolution(7), NAME_MAX).
var LongName = strings.Repeat("n", 255)

// BigText is a content of several pages.
var BigText = strings.Repeat("0123456789abcde\n", 1250)

// table is what each scene has in each layer. The comments say what is in the
// union where that is not the entry itself.
var table = map[layer][]entry{
	bottom: {
		{name: "f", text: "bottom f\n"},
		{name: "keep", text: "keep\n"},
		{name: "owned", text: "owned\n", mode: 0o4750, uid: 1, gid: 2, xattrs: map[string]string{"user.lower": "from below"}},
		{name: "closed", text: "secret\n", mode: 0o600},
		{name: "big", text: BigText},
		{name: LongName, text: "long\n"},
		{name: "h1", text: "linked\n"},
		{name: "h2", kind: hardlink, text: "h1"},
		{name: "link", kind: symlink, text: "f"},
		{name: "dirlink", kind: symlink, text: "pure"},
		{name: "dangling", kind: symlink, text: "missing"},
		{name: "absolute", kind: symlink, text: "/proc/self/nowhere"},
		{name: "fifo", kind: fifo},
		{name: "empty", kind: directory},
		{name: "pure", kind: directory, mode: 0o751, uid: 3, gid: 4}, // in this layer alone
		{name: "pure/a", text: "a\n"},
		{name: "pure/sub", kind: directory, mode: 0o700},
		{name: "pure/sub/x", text: "x\n"},
		{name: "merged", kind: directory}, // here, in the middle and at the top
		{name: "merged/one", text: "bottom one\n"},
		{name: "merged/two", text: "bottom two\n"},
		{name: "merged/gone", text: "hidden by a whiteout in the middle\n"},
		{name: "gone", text: "hidden by a whiteout in the middle\n"},
		{name: "early", text: "hidden by a whiteout in the upper layer\n"},
		{name: "hidden", kind: directory},
		{name: "hidden/old", text: "hidden by an opaque directory in the middle\n"},
		{name: "back", kind: directory},
		{name: "back/old", text: "hidden by a whiteout in the middle, below a new directory\n"},
		{name: "filedir", text: "hidden by a directory at the top\n"},
		{name: "dirfile", kind: directory},
		{name: "dirfile/in", text: "hidden by a file at the top\n"},
		{name: "layered", text: "bottom\n"},
		{name: "setgid", kind: directory, gid: 9, mode: 0o2777},
		{name: "sticky", kind: directory, mode: 0o1777},
		{name: "sticky/roots", text: "roots\n"},
		{name: "both", kind: directory}, // here and in the upper layer
		{name: "both/low", text: "low\n"},
	},
	middle: {
		{name: "gone", kind: whiteout},
		{name: "back", kind: whiteout},
		{name: "hidden", kind: opaque},
		{name: "hidden/new", text: "new\n"},
		{name: "merged", kind: directory},
		{name: "merged/two", text: "middle two\n"},
		{name: "merged/three", text: "middle three\n"},
		{name: "merged/gone", kind: whiteout},
		{name: "layered", text: "middle\n"},
	},
	top: {
		{name: "back", kind: directory},
		{name: "back/new", text: "new\n"},
		{name: "filedir", kind: directory},
		{name: "filedir/in", text: "in\n"},
		{name: "dirfile", text: "a file at the top\n"},
		{name: "merged", kind: directory},
		{name: "merged/one", text: "top one\n"},
		{name: "merged/four", text: "top four\n"},
		{name: "layered", text: "top\n"},
	},
	upper: {
		{name: "early", kind: whiteout},
		{name: "u", text: "upper u\n"},
		{name: "ud", kind: directory},
		{name: "ud/in", text: "in\n"},
		{name: "uempty", kind: directory},
		{name: "both", kind: directory},
		{name: "both/up", text: "up\n"},
	},
}
