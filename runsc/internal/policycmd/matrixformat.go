package policycmd

import (
	"strings"
)

// tables is the whole matrix.
type tables struct {
	Version      int              `json:"version"`
	Decisions    []decisionRow    `json:"decisions"`
	Caches       []cacheRow       `json:"caches"`
	Gofers       []goferRow       `json:"gofers"`
	Ceilings     []ceilingRow     `json:"ceilings"`
	Consequences []consequenceRow `json:"consequences"`
}

func writeMatrix(format string) (string, error) {
	t := tables{Version: envelopeVersion, Decisions: decisionRows(), Caches: cacheRows(), Gofers: goferRows(), Ceilings: ceilingRows()}
	var err error
	if t.Consequences, err = consequenceRows(); err != nil {
		return "", err
	}
	if format == "json" {
		return marshal(t)
	}
	decisions := [][]string{{"flag", "hint", "backend", "access", "donated", "reason"}}
	for _, r := range t.Decisions {
		decisions = append(decisions, r.cells())
	}
	caches := [][]string{{"cache hint", "mount", "cache", "reason"}}
	for _, r := range t.Caches {
		caches = append(caches, r.cells())
	}
	gofers := [][]string{{"gofer hint", "the backend", "mount", "access", "reason"}}
	for _, r := range t.Gofers {
		gofers = append(gofers, r.cells())
	}
	ceilings := [][]string{{"directfs-hints", "flag", "hint", "verdict"}}
	for _, r := range t.Ceilings {
		ceilings = append(ceilings, r.cells())
	}
	consequences := [][]string{{"cause", "capabilities", "user namespace", "umask", "sentry", "gofer"}}
	for _, r := range t.Consequences {
		consequences = append(consequences, r.cells())
	}
	var b strings.Builder
	write := writeCapitalized
	if format == "markdown" {
		write = writeMarkdown
	}
	for i, table := range [][][]string{decisions, caches, gofers, ceilings, consequences} {
		if i > 0 {
			b.WriteByte('\n')
		}
		write(&b, table)
	}
	return b.String(), nil
}

// writeCapitalized writes a table for terminals.
func writeCapitalized(b *strings.Builder, rows [][]string) {
	for i, h := range rows[0] {
		rows[0][i] = strings.ToUpper(h)
	}
	writeTable(b, rows)
}

// writeMarkdown writes a table for documents.
func writeMarkdown(b *strings.Builder, rows [][]string) {
	for i, r := range rows {
		b.WriteString("| " + strings.Join(r, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat(" --- |", len(r)) + "\n")
		}
	}
}
