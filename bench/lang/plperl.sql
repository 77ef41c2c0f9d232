-- label: PL/Perl (with the jsonb transform)
-- extension: jsonb_plperl
CREATE EXTENSION IF NOT EXISTS jsonb_plperl CASCADE;

CREATE OR REPLACE FUNCTION plperl_noop(int) RETURNS int LANGUAGE plperl AS $$ return $_[0]; $$;

CREATE OR REPLACE FUNCTION plperl_json(jsonb) RETURNS jsonb TRANSFORM FOR TYPE jsonb LANGUAGE plperl AS $$
my ($in) = @_;
return { message => "Hello, $in->{name}!" };
$$;

CREATE OR REPLACE FUNCTION plperl_sieve(int) RETURNS int LANGUAGE plperl AS $$
my ($n) = @_;
my @composite = (0) x $n;
for (my $i = 2; $i * $i < $n; $i++) {
  next if $composite[$i];
  for (my $j = $i * $i; $j < $n; $j += $i) { $composite[$j] = 1; }
}
my $primes = 0;
for (my $k = 2; $k < $n; $k++) { $primes++ unless $composite[$k]; }
return $primes;
$$;

CREATE OR REPLACE FUNCTION plperl_trg_noop() RETURNS trigger LANGUAGE plperl AS $$ return; $$;

CREATE OR REPLACE FUNCTION plperl_trg_slug() RETURNS trigger LANGUAGE plperl AS $$
my $slug = lc $_TD->{new}{title};
$slug =~ s/[^a-z0-9]+/-/g;
$_TD->{new}{slug} = $slug;
return "MODIFY";
$$;

CREATE OR REPLACE FUNCTION plperl_trg_stock() RETURNS trigger LANGUAGE plperl AS $$
$_SHARED{plan} //= spi_prepare('UPDATE b_stock SET stock = stock - $1 WHERE id = $2', 'int', 'int');
spi_exec_prepared($_SHARED{plan}, $_TD->{new}{qty}, $_TD->{new}{product_id});
return;
$$;
