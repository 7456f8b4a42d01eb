package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// described is what git describe prints for a tag vX.Y.Z, with a suffix of a
// pre-release, and perhaps for later commits.
var described = regexp.MustCompile(`^v(\d+\.\d+\.\d+)(?:-([0-9A-Za-z.]+?))?(?:-(\d+)-g([0-9a-f]+))?$`)

// debianVersion makes a version that dpkg sorts rightly: 1.2.3~rc1 before 1.2.3
// before 1.2.3+git4.HASH before 1.2.4, and what has no tag before all these, by
// the time of the commit.
func debianVersion(text string, commit time.Time) string {
	text, dirty := strings.CutSuffix(text, "-dirty")
	m := described.FindStringSubmatch(text)
	if m == nil {
		m = []string{"", fmt.Sprintf("0~git%s.%s", commit.UTC().Format("20060102150405"), strings.ReplaceAll(text, "-", ".")), "", "", ""}
	}
	version := m[1]
	if m[2] != "" {
		version += "~" + m[2]
	}
	if m[3] != "" {
		version += fmt.Sprintf("+git%s.%s", m[3], m[4])
	}
	if dirty {
		version += "+dirty"
	}
	return version + "-1"
}
