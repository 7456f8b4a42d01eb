// Package packagetest has the tests of what make package makes, for make
// test-package: they take minutes, and root.
package packagetest
