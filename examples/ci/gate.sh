#!/usr/bin/env bash
# Gate a merge on a signed verdict, in any CI: BUNDLE=evidence KEY=spiritlevel.pub [AFTER=HEAD] bash gate.sh
# Exits 0 approved, 3 held, 4 unproven, 1 when the evidence is not what was signed.
set -uo pipefail
: "${BUNDLE:?the folder of the bundle}" "${KEY:?the public key that you trust}"

said=$(spiritlevel verify "$BUNDLE" --key "$KEY" ${AFTER:+--after "$AFTER"} --gate)
code=$?
printf '%s\n' "$said"
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf '%s\n' "$said" | sed -n 's/^head: /head=/p' >> "$GITHUB_OUTPUT"
fi
case $code in
  0) echo "gate: approved, the merge may go on" ;;
  3) echo "gate: held, a condition fails" ;;
  4) echo "gate: unproven, which is never a pass" ;;
  *) echo "gate: the evidence could not be verified" ;;
esac
exit "$code"
