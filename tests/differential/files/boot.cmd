# What a person writes.
echo from a script
setenv found yes
for i in 1 2; do
	echo round $i
done
