import { accountCommand } from './account.ts';

export const seller = accountCommand({
  role: 'seller',
  may: 'This is how sellers get their accounts where SELLER_SIGNUP=closed.',
});
