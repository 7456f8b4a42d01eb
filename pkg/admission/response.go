package admission

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/directfs/runsc/pkg/kubepolicy"
)

type response struct {
	UID      string   `json:"uid"`
	Allowed  bool     `json:"allowed"`
	Status   *status  `json:"status,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// status is a metav1.Status.
type status struct {
	Status  string   `json:"status"`
	Message string   `json:"message"`
	Reason  string   `json:"reason"`
	Code    int      `json:"code"`
	Details *details `json:"details,omitempty"`
}

type details struct {
	Causes []cause `json:"causes"`
}

type cause struct {
	Message string `json:"message"`
}

const (
	// maxMessage bounds what a refused pod's author is told: an annotation may
	// have 256 KiB, and each finding has its value.
	maxMessage = 32 << 10

	// maxFinding bounds one finding.
	maxFinding = 4 << 10

	// maxWarnings are the characters of all warnings. Beyond 4096, those of other
	// webhooks included, the API server cuts each warning to 256.
	maxWarnings = 3800
)

// more points to the rest of what did not fit.
const more = "runsc policy check --kubernetes lists them all"

func respond(uid string, v Verdict, template bool) *response {
	r := &response{UID: uid, Allowed: v.Outcome != Refused}
	var refused, warnings []string
	for _, f := range v.Findings {
		text := shorten(printable(f.Text), maxFinding)
		switch {
		case template && f.Level == kubepolicy.Refused:
			warnings = append(warnings, "pods of this template will be refused: "+text)
		case f.Level == kubepolicy.Refused:
			refused = append(refused, text)
		default:
			warnings = append(warnings, text)
		}
	}
	r.Warnings = fit(warnings, maxWarnings)
	if !r.Allowed {
		refused = fit(refused, maxMessage)
		r.Status = &status{Status: "Failure", Reason: "Forbidden", Code: http.StatusForbidden, Message: strings.Join(refused, "\n"), Details: new(details)}
		for _, text := range refused {
			r.Status.Details.Causes = append(r.Status.Details.Causes, cause{text})
		}
	}
	return r
}

// fit returns the beginning of the texts whose characters are no more than
// allowed, and in place of the rest how many these are.
func fit(texts []string, allowed int) []string {
	const forRest = len("and 1000000 more; ") + len(more)
	n := 0
	for i, t := range texts {
		length := utf8.RuneCountInString(t) + 1
		last := i == len(texts)-1
		if n+length > allowed || !last && n+length > allowed-forRest {
			if i == 0 {
				return []string{shorten(t, allowed-forRest)}
			}
			return append(texts[:i:i], fmt.Sprintf("and %d more; %s", len(texts)-i, more))
		}
		n += length
	}
	return texts
}

// shorten cuts a text to so many bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const mark = "…"
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}

// printable escapes what a terminal could act upon, and what makes the API
// server drop a warning.
func printable(s string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }
	if strings.IndexFunc(s, odd) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if odd(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
