package harness

import "github.com/directfs/runsc/runsc/internal/e2e/guest/report"

// NumberedName is the name that the guest's command acknowledge gives to a
// content, and the temporary one that it has before, or "".
func NumberedName(number int) (name, temporary string) { return report.NumberedName(number) }

// NumberedContent is the content that the guest's command acknowledge writes.
func NumberedContent(number int) []byte { return report.NumberedContent(number) }
