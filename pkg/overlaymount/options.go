package overlaymount

import "strings"

// knownOption is an option of the kernel's overlay file system.
type knownOption struct {
	name string

	// since is the version of Linux that brought it.
	since string

	// values are those that it takes. A flag has none and takes none; a layer has
	// none and takes a path.
	values []string
}

const (
	userXattr   = "userxattr"
	redirectDir = "redirect_dir"
	metacopy    = "metacopy"
	nfsExport   = "nfs_export"
	index       = "index"
	verity      = "verity"
	volatile    = "volatile"
)

var onOff = []string{"on", "off"}

// knownOptions are those of ovl_parameter_spec in fs/overlayfs/params.c.
// Override_creds and fsync have been brought to older kernels too.
var knownOptions = []knownOption{
	{name: string(Lower), since: "3.18"},
	{name: string(Upper), since: "3.18"},
	{name: string(Work), since: "3.18"},
	{name: addLower, since: "6.8"},
	{name: addData, since: "6.8"},
	{name: "default_permissions", since: "4.5"},
	{name: redirectDir, since: "4.10", values: []string{"on", "off", "follow", "nofollow"}},
	{name: index, since: "4.13", values: onOff},
	{name: nfsExport, since: "4.16", values: onOff},
	{name: "xino", since: "4.17", values: []string{"on", "off", "auto"}},
	{name: metacopy, since: "4.19", values: onOff},
	{name: volatile, since: "5.10"},
	{name: userXattr, since: "5.11"},
	{name: "uuid", since: "5.12", values: []string{"on", "off", "null", "auto"}},
	{name: verity, since: "6.6", values: []string{"on", "off", "require"}},
	{name: "override_creds", since: "6.15"},
	{name: "nooverride_creds", since: "6.15"},
	{name: "fsync", since: "7.1", values: []string{"auto", "strict", volatile}},
}

// lookup finds a known option.
func lookup(key string) (knownOption, bool) {
	for _, o := range knownOptions {
		if o.name == key {
			return o, true
		}
	}
	return knownOption{}, false
}

// Since returns the version of Linux that brought an option, as "5.11".
func Since(key string) (version string, ok bool) {
	o, ok := lookup(key)
	return o.since, ok
}

// Nearest returns the known option that a key was probably meant to be: itself if
// it is known, or the nearest name, if it is near enough to be a typo.
func Nearest(key string) (known string, ok bool) {
	lower := strings.ToLower(key)
	best := 0
	for _, o := range knownOptions {
		// A third of the name may be wrong, but never more than three letters.
		allowed := min(len(o.name)/3, 3)
		if abs(len(lower)-len(o.name)) > allowed {
			continue
		}
		if d := distance(lower, o.name); d <= allowed && (!ok || d < best) {
			known, best, ok = o.name, d, true
		}
	}
	return known, ok
}

func abs(n int) int { return max(n, -n) }

// distance is the number of bytes to insert, remove, replace, or swap with their
// neighbour, to make one word of the other (optimal string alignment).
func distance(one, other string) int {
	var before, last []int
	row := make([]int, len(other)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(one); i++ {
		before, last, row = last, row, make([]int, len(other)+1)
		row[0] = i
		for j := 1; j <= len(other); j++ {
			cost := 1
			if one[i-1] == other[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && one[i-1] == other[j-2] && one[i-2] == other[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(other)]
}
