echo before
if true; then
  echo within
